"""What will not fit is refused in words before the work begins."""

import tracemalloc

import numpy as np
import pytest

import fokkerplanck as fp
from fokkerplanck.linalg import memory
from fokkerplanck.transport import distance


@pytest.fixture
def little(monkeypatch):
    monkeypatch.setattr(memory, "SMALL", 1000)
    monkeypatch.setattr(memory, "available_bytes", lambda: 10_000.0)


def test_what_is_free_is_a_number_of_this_machine():
    assert memory.available_bytes() > 2**20


def test_what_fits_is_let_through(little):
    memory.check_memory(9_000, "an array", "")
    memory.check_memory(900, "an array", "")
    with pytest.raises(MemoryError, match=r"an array would take 1\.02e-05 GiB, and 9\.31e-06 GiB"):
        memory.check_memory(11_000, "an array", "take less")


def test_output_times(little):
    problem = fp.Problem(fp.Grid([(0, 1)], 50))
    with pytest.raises(MemoryError, match=r"40 densities in solve would .* fewer output"):
        fp.solve(problem, fp.uniform(problem.grid), np.linspace(0, 1, 40))
    assert len(fp.solve(problem, fp.uniform(problem.grid), np.linspace(0, 1, 4)).t) == 4


def test_elimination(little):
    problem = fp.Problem(fp.Grid([(-2, 2)] * 2, 24), drift=lambda x, y: (-x + y, -y - x))
    with pytest.raises(MemoryError, match=r'elimination of 576 cells .* solver="multilevel"'):
        fp.steady_state(problem, "markov")


def test_krylov_spaces(little):
    problem = fp.Problem(fp.Grid([(-2, 2)], 100), f=lambda x: x**2)
    method = fp.Exponential(kind="krylov")
    with pytest.raises(MemoryError, match=r"a Krylov space of 100 cells would take .* shorter"):
        fp.solve(problem, fp.uniform(problem.grid), 10.0, method)


def test_passage_times(little):
    problem = fp.Problem(fp.Grid([(-2, 2)] * 2, 24), drift=lambda x, y: (-x + y, -y - x))
    with pytest.raises(MemoryError, match=r'elimination of \d+ cells .* solver="multilevel"'):
        fp.mfpt(problem, fp.sets.ball([0, 0], 0.5), scheme="markov")


def test_distances(little):
    grid = fp.Grid([(-2, 2)] * 2, 16)
    pair = fp.gaussian(grid, -0.5, 0.3), fp.gaussian(grid, 0.5, 0.4)
    with pytest.raises(MemoryError, match=r"wasserstein on 256 cells would take .* fewer cells"):
        fp.wasserstein(*pair, grid)


@pytest.mark.parametrize("shape", [(96, 96), (28, 28, 28)])
def test_distances_take_what_is_said(shape):
    grid = fp.Grid([(-3, 3)] * len(shape), shape)
    pair = fp.gaussian(grid, -0.5, 0.4), fp.gaussian(grid, 0.5, 0.6)
    small = fp.Grid([(-3, 3)] * len(shape), 12)
    fp.wasserstein(fp.gaussian(small, 0, 0.9), fp.gaussian(small, 0.2, 0.9), small)  # loads kernels
    tracemalloc.start()
    fp.wasserstein(*pair, grid)
    numbers = tracemalloc.get_traced_memory()[1] / 8 / grid.size
    tracemalloc.stop()
    assert 0.5 < distance.NUMBERS_A_CELL / numbers < 2
