"""Kept answers are those of the same functions with the same numbers, and of no others."""

from dataclasses import dataclass
from functools import partial

import numpy as np
import pytest

import fokkerplanck as fp
from fokkerplanck.studies.marks import mark_of

WIDTH = 4.0
GRID = fp.Grid([(-WIDTH, WIDTH)], 20)
calls = 0
heard = []


def counted(problem):
    """Number of this call."""
    global calls
    calls += 1
    heard.append(calls)
    return calls


def on_cells(k, cells):
    """Harmonic well on some cells."""
    return fp.Problem(fp.Grid([(-4, 4)], cells), f=lambda x: k * x**2 / 2)


def on_global(k):
    return fp.Problem(GRID, f=lambda x: k * x**2 / WIDTH)


def around(cells):
    def build(k):
        return on_cells(k, cells)

    return build


def with_default(cells):
    def build(k, cells=cells):
        return on_cells(k, cells)

    return build


@dataclass
class Well:
    cells: int
    calls: int = 0

    def __call__(self, k):
        self.calls += 1
        return on_cells(k, self.cells)

    def build(self, k):
        return on_cells(k, self.cells)


MAKERS = {
    "partial": lambda cells: partial(on_cells, cells=cells),
    "around": around,
    "default": with_default,
    "object": Well,
    "method": lambda cells: Well(cells).build,
}


def variance(problem):
    return fp.steady_state(problem).mean(lambda x: x**2)


@pytest.mark.parametrize("name", MAKERS)
def test_answers_on_other_cells_are_no_answers(name, tmp_path):
    build = MAKERS[name]
    first = fp.sweep(build(10), {"k": [1.0]}, variance, path=tmp_path)
    assert first.value == pytest.approx(variance(on_cells(1.0, 10)), rel=1e-15)
    again = fp.sweep(build(10), {"k": [1.0]}, variance, path=tmp_path)
    np.testing.assert_array_equal(again.value, first.value)
    with pytest.raises(ValueError, match="a number or grid that they use, has changed"):
        fp.sweep(build(40), {"k": [1.0]}, variance, path=tmp_path)


@pytest.mark.parametrize(
    ("name", "value"), [("GRID", fp.Grid([(-WIDTH, WIDTH)], 21)), ("WIDTH", 2.0)]
)
def test_globals_count_inside_of_inner_functions_too(name, value, monkeypatch):
    before = mark_of(on_global)
    assert mark_of(on_global) == before
    monkeypatch.setitem(globals(), name, value)
    assert mark_of(on_global) != before


def test_what_counts_the_calls_is_no_change(tmp_path):
    well, points = Well(10), {"k": [1.0, 2.0]}
    first = fp.sweep(well, points, counted, path=tmp_path)
    again = fp.sweep(well, points, counted, path=tmp_path)
    np.testing.assert_array_equal(again.value, first.value)
    assert well.calls == 2


def test_arrays_count_by_their_numbers():
    def build(weights):
        return partial(on_cells, cells=weights)

    one, two = np.arange(3.0), np.array([0, 1, 2 + 1e-15])
    assert mark_of(build(one)) == mark_of(build(one.copy())) != mark_of(build(two))


def test_a_damaged_file_is_named_with_what_to_do(tmp_path):
    fp.sweep(on_global, {"k": [1.0]}, variance, path=tmp_path)
    (file,) = tmp_path.iterdir()
    file.write_bytes(b"")
    with pytest.raises(ValueError, match=f"delete {file.name}, and its point is asked again"):
        fp.sweep(on_global, {"k": [1.0]}, variance, path=tmp_path)


def test_formulas_and_problem_files_are_seen(tmp_path):
    """Two files of one title: what they say counts, and not where they are."""

    def built(loss):
        def build(k):
            return fp.Problem(GRID, f=loss, kT=k)

        return build

    plain, steep = fp.Formula("x^2"), fp.Formula("2*x^2")
    assert mark_of(built(plain)) == mark_of(built(fp.Formula("x^2")))
    assert mark_of(built(plain)) != mark_of(built(steep))

    files = []
    for name, loss in (("a", "x^2"), ("b", "x^2"), ("c", "2*x^2")):
        path = tmp_path / f"{name}.toml"
        path.write_text(f'[grid]\nbox = [[-1, 1]]\nshape = 8\n[problem]\nf = "{loss}"\n')
        files.append(mark_of(fp.ProblemFile.read(path).problem))
    assert files[0] == files[1] != files[2]
