"""Numbers in sparse factors: estimates, and what is said where they will not fit."""

import numpy as np
import pytest
from scipy import sparse

import fokkerplanck as fp
from fokkerplanck.linalg import memory
from fokkerplanck.linalg.aggregation import Aggregation, Level
from fokkerplanck.linalg.factors import CentralFactor, ImplicitFactor, incomplete_lu, sparse_lu
from fokkerplanck.linalg.fill import check_factors, fill_estimate
from fokkerplanck.linalg.nearby import NearbyFactors
from fokkerplanck.modes.linear_modes import LinearShiftInvert
from fokkerplanck.modes.shift_invert import ShiftInvert
from fokkerplanck.modes.well_modes import count_below
from fokkerplanck.scheme.flows import Flows
from fokkerplanck.scheme.linear_fluxes import linear_flux
from fokkerplanck.steady.newton_steps import HeldFactors

SHAPES = [(4000,), (60, 60), (140, 140), (20, 500), (12, 12, 12), (18, 18, 18), (6, 6, 120)]


def stirred(shape, side="reflecting", coupling=0.0):
    """Waves that drift, on a box of any dimension."""
    d = len(shape)
    D = np.eye(d) + coupling * (np.ones((d, d)) - np.eye(d))
    drift = lambda *x: tuple(np.sin(np.pi / 2 * u) for u in x)  # noqa: E731
    return fp.Problem(fp.Grid([(-2, 2)] * d, shape, sides=[side] * d), drift=drift, D=D.tolist())


def shifted(A):
    """I - A / (largest rate) * 100."""
    return sparse.csc_array(sparse.eye_array(A.shape[0]) - 100 / np.abs(A.diagonal()).max() * A)


@pytest.mark.parametrize("side", ["reflecting", "periodic"])
@pytest.mark.parametrize("coupling", [0.0, 0.4])
@pytest.mark.parametrize("shape", SHAPES)
def test_estimates_are_within_a_factor_of_two(shape, coupling, side):
    if coupling and len(shape) == 1:
        return
    matrix = shifted(fp.Generator(stirred(shape, side, coupling)).matrix)
    assert 0.5 < fill_estimate(matrix) / sparse_lu(matrix).nnz < 2


@pytest.mark.parametrize("side", ["reflecting", "periodic"])
@pytest.mark.parametrize("shape", [(1000,), (60, 60), (20, 200), (10, 10, 10)])
def test_estimates_for_wide_stencils(shape, side):
    matrix = shifted(linear_flux(stirred(shape, side), "upwind5").matrix)
    assert 0.5 < fill_estimate(matrix) / sparse_lu(matrix, 1e-3).nnz < 2


def test_factors_that_surely_fit_are_not_estimated(monkeypatch):
    monkeypatch.setattr("fokkerplanck.linalg.fill.fill_estimate", lambda matrix: 1 / 0)
    matrix = fp.Generator(stirred((400, 400))).matrix
    check_factors(matrix)
    monkeypatch.setattr(memory, "available_bytes", lambda: 1e8)
    with pytest.raises(ZeroDivisionError):
        check_factors(matrix)


def test_millions_of_cells_are_refused_with_both_numbers(monkeypatch):
    monkeypatch.setattr(memory, "available_bytes", lambda: 2.0**27)
    matrix = fp.Generator(stirred((400, 400))).matrix
    check_factors(fp.Generator(stirred((150, 150))).matrix)
    monkeypatch.setattr(memory, "available_bytes", lambda: 2.0**24)
    words = r"factors of a matrix of 160000 cells would take 0\.\d+ GiB, and 0\.0156 GiB are free"
    with pytest.raises(MemoryError, match=words):
        sparse_lu(matrix)


def callers():
    """What makes sparse factors, by name."""
    problem = fp.Problem(fp.Grid([(-2, 2)] * 2, 20), f=lambda x, y: x**2 + y**2)
    generator, flux = fp.Generator(problem), linear_flux(problem, "upwind5")
    M = shifted(generator.matrix)
    flows, n = Flows.from_generator(generator), problem.grid.size
    level = Level(flows.indptr, flows.indices, flows.outflow, flows.inflow, np.zeros(n), np.ones(n))
    start = fp.uniform(problem.grid)
    return {
        "implicit": lambda: ImplicitFactor(generator, 1.0),
        "central": lambda: CentralFactor(flux.matrix, 1.0),
        "nearby": lambda: NearbyFactors(M),
        "nearby, incomplete": lambda: NearbyFactors(M, 1e-3),
        "incomplete": lambda: incomplete_lu(M, 1e-3),
        "newton": lambda: HeldFactors(M, np.array([0])),
        "aggregation": lambda: Aggregation(level),
        "shift and invert": lambda: ShiftInvert(generator, None, 1.0),
        "the same of a flux": lambda: LinearShiftInvert(flux, 1.0),
        "counts": lambda: count_below(generator, 0.5),
        "a run": lambda: fp.solve(problem, start, 1.0, fp.BackwardEuler(0.1), scheme="markov"),
    }


@pytest.mark.parametrize("name", callers())
def test_every_caller_says_what_will_not_fit(name, monkeypatch):
    call = callers()[name]
    monkeypatch.setattr(memory, "SMALL", 1000)
    monkeypatch.setattr(memory, "available_bytes", lambda: 16_000.0)
    # Spectra say what to do about their grid, with the same numbers.
    words = r"sparse factors of a matrix of \d+ cells would take \S+ GiB, and \S+ GiB are free"
    with pytest.raises((MemoryError, fp.ConvergenceError), match=words):
        call()
