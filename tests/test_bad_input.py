"""The door: wrong calls, each with the message that a person would want.

One row of a table is a wrong call and a regular expression that its message has to match: what
came, what was expected, what to do.
"""

import math
import re
import traceback
from pathlib import Path

import numpy as np
import pytest

import fokkerplanck as fp
from fokkerplanck import (
    Edges,
    Generator,
    Grid,
    Problem,
    from_particles,
    gaussian,
    sgd,
    steady_state,
    uniform,
)
from fokkerplanck.domain.densities import check_density
from fokkerplanck.evolution.time_loop import solve
from fokkerplanck.methods import BackwardEuler, Exponential

PACKAGE = Path(fp.__file__).parent

LINE = Grid([(-3, 3)], 8)
PLANE = Grid([(-3, 3), (-2, 2)], (8, 6))
SPACE = Grid([(-1, 1)] * 3, 4)
RING = Grid([(0, 1), (0, 1)], (8, 6), sides=["periodic", "reflecting"])
GRADED = Grid([np.linspace(0, 1, 9) ** 2, (0, 1)], (8, 6))
ABSORBING = Grid([(0, 1)], 8, sides="absorbing")


def field(value, cell=(2, 3), rest=1.0, lead=()):
    """Array (*lead, 8, 6) of ``rest`` with ``value`` at one cell of its last component."""
    u = np.full((*lead, *PLANE.shape), float(rest))
    u[(*(-1 for _ in lead), *cell)] = value
    return u


def tensor(entry, value):
    """Identity tensor field with ``value`` at an entry and its mirror at cell (2, 3)."""
    D = np.zeros((2, 2, *PLANE.shape))
    D[0, 0] = D[1, 1] = 1
    for i, k in entry:
        D[i, k, 2, 3] = value
    return D


def bowl(x, y):
    """Harmless potential on the plane."""
    return x**2 + y**2


def losses(theta, data):
    """Two samples in two dimensions."""
    return np.stack([theta[0] ** 2 + theta[1] ** 2, (theta[0] - 1) ** 2 + theta[1] ** 4])


def from_samples(losses=losses, data=None, eta=0.1, b=1, **options):
    """Problem from samples on the plane."""
    return Problem.from_samples(PLANE, losses, data, eta, b, **options)


GRIDS = {
    "box of numbers": (lambda: Grid((-1, 1), 8), r"box is \(-1, 1\).*\[\(lo, hi\)\]"),
    "box of one number": (lambda: Grid(3, 8), r"box is 3; give one \(lo, hi\) pair per axis"),
    "no box": (lambda: Grid(None, 8), r"box is None; give one \(lo, hi\) pair"),
    "box of text": (lambda: Grid("box", 8), r"box is 'box'; give"),
    "three numbers": (lambda: Grid([1, 2, 3], 8), r"box\[0\] is 1; give \(lo, hi\) or an array"),
    "four axes": (lambda: Grid([(0, 1)] * 4, 3), r"4 axes; only 1, 2 and 3 dimensions"),
    "faces without brackets": (lambda: Grid(np.linspace(0, 1, 9)), r"9 axes.*given as \[faces\]"),
    "no axes": (lambda: Grid([], 3), r"box has 0 axes"),
    "reversed": (lambda: Grid([(1, 0)], 8), r"box\[0\] = \(1, 0\) does not increase; give lo < hi"),
    "empty": (lambda: Grid([(1, 1)], 8), r"does not increase"),
    "unsorted faces": (lambda: Grid([(0, 1, 0.5)]), r"does not increase; give increasing faces"),
    "nan in box": (lambda: Grid([(0, math.nan)], 8), r"box\[0\] = \(0, nan\) is not finite"),
    "infinite box": (lambda: Grid([(0, math.inf)], 8), r"inf\) is not finite; give finite numbers"),
    "text in box": (
        lambda: Grid([("a", "b")], 8),
        r"box\[0\] is an array of text; give \(lo, hi\)",
    ),
    "complex box": (lambda: Grid([(0, 1j)], 8), r"box\[0\] is complex; give"),
    "box too deep": (lambda: Grid([[(0, 1), (0, 1)]], 8), r"box\[0\] has shape \(2, 2\); give"),
    "box beyond digits": (lambda: Grid([(1e16, 1e16 + 4)], 99), r"too narrow for 99 cells"),
    "no shape": (lambda: Grid([(0, 1)]), r"shape is missing; give the number of cells"),
    "fractional shape": (lambda: Grid([(0, 1)], 8.0), r"shape\[0\] = 8.0; give a whole number"),
    "one cell": (lambda: Grid([(0, 1)], 1), r"shape\[0\] = 1; .*at least 2"),
    "ring of two cells": (
        lambda: Grid([(0, 1)] * 2, (8, 2), ["reflecting", "periodic"]),
        r"shape\[1\] = 2 on a periodic axis, .*at least 3 cells, or reflecting",
    ),
    "ring of one cell": (lambda: Grid([(0, 1)], 1, "periodic"), r"shape\[0\] = 1; .*at least 2"),
    "graded ring of two cells": (lambda: Grid([[0, 1, 3]], None, "periodic"), r"at least 3 cells"),
    "text as shape": (lambda: Grid([(0, 1)], "8"), r"shape\[0\] = '8'; give a whole number"),
    "bool as shape": (lambda: Grid([(0, 1)], True), r"shape\[0\] = True; give a whole number"),
    "too many shapes": (lambda: Grid([(0, 1)], (8, 8)), r"2 entries for a box of 1 axes"),
    "shape against faces": (lambda: Grid([np.linspace(0, 1, 9)], 9), r"9 faces.*8 cells.*agree"),
    "unknown side": (lambda: Grid([(0, 1)], 8, "open"), r"sides\[0\] is 'open'; choose from refl"),
    "sides of numbers": (lambda: Grid([(0, 1)], 8, [0]), r"sides\[0\] is 0; choose from refl"),
    "no sides": (lambda: Grid([(0, 1)], 8, None), r"sides is None; give one word"),
    "half periodic": (
        lambda: Grid([(0, 1)], 8, [("periodic", "reflecting")]),
        r"a periodic axis is periodic at both ends",
    ),
    "two ends, no brackets": (
        lambda: Grid([(0, 1)], 8, ("reflecting", "absorbing")),
        r"one axis are given as \[\(lo, hi\)\]",
    ),
    "too few sides": (
        lambda: Grid([(0, 1)] * 2, 8, ["periodic"]),
        r"one entry per axis \(2 here\)",
    ),
    "integral, transposed": (
        lambda: PLANE.integrate(np.ones((6, 8))),
        r"shape \(6, 8\); its last 2 axes must be the grid's \(8, 6\)",
    ),
    "integral of text": (lambda: PLANE.integrate("a"), r"array of text; give numbers"),
    "refined by 1.5": (lambda: PLANE.refined(1.5), r"k = 1.5; give a whole number"),
}

DENSITIES = {
    "no grid": (lambda: gaussian(None, 0, 1), r"grid is None; give a Grid"),
    "shape as grid": (lambda: uniform((8, 8)), r"grid is of type tuple; give a Grid"),
    "class as grid": (lambda: uniform(Grid), r"grid is the class Grid; give a Grid"),
    "mean too long": (lambda: gaussian(PLANE, (0, 0, 0), 1), r"mean is \[.*\]; give 2 finite num"),
    "mean of text": (lambda: gaussian(PLANE, "middle", 1), r"mean is 'middle'; give 2 finite"),
    "mean with None": (lambda: gaussian(PLANE, (None, 0), 1), r"tuple that holds None; give 2"),
    "mean nan": (lambda: gaussian(PLANE, (math.nan, 0), 1), r"mean is \[nan, 0.0\]; give 2 finite"),
    "mean complex": (lambda: gaussian(PLANE, 1j, 1), r"mean is complex; give 2 finite"),
    "no variance": (lambda: gaussian(PLANE, 0, 0), r"cov = 0.0 has the eigenvalue 0; .* positive"),
    "negative variance": (lambda: gaussian(PLANE, 0, (1, -1)), r"eigenvalue -1; .* positive"),
    "three variances": (lambda: gaussian(PLANE, 0, (1, 1, 1)), r"shape \(3,\); give a variance, 2"),
    "indefinite": (lambda: gaussian(PLANE, 0, [[1, 2], [2, 1]]), r"has the eigenvalue -1"),
    "not symmetric": (lambda: gaussian(PLANE, 0, [[1, 0.2], [0, 1]]), r"is not symmetric; give"),
    "infinite variance": (lambda: gaussian(PLANE, 0, math.inf), r"cov = inf is not finite; give"),
    "cov of text": (lambda: gaussian(PLANE, 0, "wide"), r"cov is 'wide'; give a variance"),
    "far away": (
        lambda: gaussian(PLANE, (1000, 0), 0.01),
        r"standard deviations outside of the box.*along x.*move the mean into the box",
    ),
    "too thin": (lambda: gaussian(PLANE, 0, 1e-310), r"nearer than inf .*refine the grid"),
    "points of three": (lambda: from_particles(PLANE, np.ones((5, 3))), r"expected \(N, 2\)"),
    "points transposed": (lambda: from_particles(PLANE, np.ones((2, 5))), r"; transpose them"),
    "no points": (lambda: from_particles(PLANE, np.ones((0, 2))), r"\(0, 2\), expected \(N, 2\)"),
    "points of text": (lambda: from_particles(PLANE, "abc"), r"points is 'abc'; give an array"),
    "ragged points": (lambda: from_particles(PLANE, [[1, 2], [3]]), r"unequal shapes; give an arr"),
    "complex points": (lambda: from_particles(PLANE, [[1j, 0]]), r"points is complex; give an arr"),
    "point nan": (
        lambda: from_particles(PLANE, [[0, 0], [0, math.nan]]),
        r"1 of 2 points are not finite.*points\[1\] = \[0.0, nan\]; leave them out",
    ),
    "point outside": (
        lambda: from_particles(PLANE, [[0, 0], [9, 0]]),
        r'1 of 2 points lie outside of the box .*enlarge the box or pass outside="drop"',
    ),
    "all outside": (
        lambda: from_particles(PLANE, [[9, 0]], outside="drop"),
        r"all 1 points lie outside of the box",
    ),
    "outside ignored": (
        lambda: from_particles(PLANE, [[0, 0]], outside="ignore"),
        r"outside is 'ignore'; choose \"raise\" or \"drop\"",
    ),
    "density of mass 2": (
        lambda: check_density(2 * uniform(PLANE), PLANE),
        r"rho has mass 2, expected 1; divide it by grid.integrate\(rho\)",
    ),
    "density on no grid": (lambda: check_density(1, (8, 6)), r"grid is of type tuple; give a Grid"),
}

POTENTIALS = {
    "no grid": (lambda: Problem(None), r"grid is None; give a Grid"),
    "text": (lambda: Problem(PLANE, "x**2"), r"f is 'x\*\*2'; give a number.*\(8, 6\), or a funct"),
    "returns None": (lambda: Problem(PLANE, lambda x, y: None), r"f\(x, y\) returned None"),
    "one argument": (
        lambda: Problem(PLANE, lambda x: x**2),
        r"f\(x, y\) could not be called.*it is given 2 arrays",
    ),
    "three arguments": (
        lambda: Problem(PLANE, lambda x, y, z: x),
        r"f\(x, y\) could not be called.*it is given 2 arrays",
    ),
    "math": (lambda: Problem(LINE, math.cos), r"f\(x\) failed.*use numpy functions"),
    "if": (lambda: Problem(LINE, lambda x: x if x > 0 else 0), r"f\(x\) failed.*np.where in place"),
    "ufunc of one": (lambda: Problem(PLANE, np.sin), r"f\(x, y\) failed.*change no argument"),
    "in place": (
        lambda: Problem(PLANE, lambda x, y: np.add(x, y, out=x)),
        r"f\(x, y\) failed.*change no argument",
    ),
    "does not broadcast": (
        lambda: Problem(PLANE, lambda x, y: np.ones(3) * x),
        r"f\(x, y\) failed: operands could not be broadcast.*it is given 2 arrays",
    ),
    "complex": (lambda: Problem(PLANE, field(1) * 1j), r"f is complex; give a number or an array"),
    "returns complex": (lambda: Problem(PLANE, lambda x, y: x + 1j * y), r"f is complex; give"),
    "nan at a cell": (
        lambda: Problem(PLANE, field(math.nan)),
        r"f is nan at cell \(2, 3\), x = \(-1.125, 0.333333\); give finite values",
    ),
    "inf at a cell": (
        lambda: Problem(PLANE, field(math.inf, cell=(1, 0))),
        r"f is inf at cell \(1, 0\), x = \(-1.875, -1.66667\); give finite values",
    ),
    "returns nan": (
        lambda: Problem(PLANE, lambda x, y: np.sqrt(1.5 - x) + y),
        r"f is nan at cell \(6, 0\), x = \(1.875, -1.66667\); give finite values",
    ),
    "transposed": (
        lambda: Problem(PLANE, np.ones((6, 8))),
        r"shape \(6, 8\), expected a number or an array of shape \(8, 6\); transpose it",
    ),
    "returns a row": (
        lambda: Problem(PLANE, lambda x, y: x[0] ** 2),
        r"f returned shape \(6,\), expected a number or an array of shape \(8, 6\)",
    ),
    "ragged": (lambda: Problem(PLANE, [[1, 2], [3]]), r"f is a list of entries of unequal shapes"),
    "a dictionary": (lambda: Problem(PLANE, {"f": 1}), r"f is of type dict; give a number"),
    "not periodic": (
        lambda: Problem(RING, lambda x, y: x),
        r"f jumps by 1 across the seam of the periodic axis 0; make it periodic, or give drift=",
    ),
    "array not periodic": (
        lambda: Problem(RING, RING.x[0]),
        r"f jumps by 0.875 across the seam of the periodic axis 0; make it periodic",
    ),
    "nan on the seam": (
        lambda: Problem(RING, lambda x, y: np.log(x) + np.log(1 - x)),
        r"f on a periodic face is -inf at .* x = \(0, ",
    ),
    "with a drift": (
        lambda: Problem(PLANE, bowl, drift=lambda x, y: (x, y)),
        r"f and drift are both given; give a loss f \(drift -grad f\) or a drift",
    ),
    "no f for grad_f": (
        lambda: Problem(PLANE, grad_f=lambda x, y: (x, y)),
        r"grad_f is given without f; give f too",
    ),
    "grad_f of one": (
        lambda: Problem(PLANE, bowl, grad_f=lambda x, y: 2 * x),
        r"grad_f returned shape \(8, 6\) on a 2-dimensional grid; return 2 arrays",
    ),
    "wrong grad_f": (
        lambda: Problem(PLANE, bowl, grad_f=lambda x, y: (2 * x, y)),
        r"grad_f is not the gradient of f: component 1 is .* x = \(.*\), where differences of f",
    ),
    "sign of grad_f arrays": (
        lambda: Problem(PLANE, bowl(*PLANE.x), grad_f=-2 * PLANE.x),
        r"grad_f is not the gradient of f: component 0 is",
    ),
}

DRIFTS = {
    "text": (lambda: Problem(PLANE, drift="-x"), r"drift is '-x'; give 2 arrays .*or a function"),
    "texts": (lambda: Problem(PLANE, drift=("-x", "-y")), r"drift\[0\] is '-x'; give a number"),
    "number": (lambda: Problem(PLANE, drift=1.0), r"drift has one number on a 2-dim.*give 2 arr"),
    "None": (lambda: Problem(PLANE, drift=lambda x, y: None), r"drift\(x, y\) returned None"),
    "a set": (lambda: Problem(PLANE, drift={1, 2}), r"drift is of type set; give 2 arrays"),
    "three components": (
        lambda: Problem(PLANE, drift=lambda x, y: (x, y, x)),
        r"drift returned 3 components on a 2-dimensional grid; return 2 arrays that broadcast to",
    ),
    "one component": (
        lambda: Problem(PLANE, drift=lambda x, y: x),
        r"drift returned shape \(8, 6\) on a 2-dimensional grid; return 2 arrays",
    ),
    "array of three": (
        lambda: Problem(PLANE, drift=np.ones((3, 8, 6))),
        r"drift has shape \(3, 8, 6\) on a 2-dimensional grid; give 2 arrays",
    ),
    "array transposed": (
        lambda: Problem(PLANE, drift=np.ones((2, 6, 8))),
        r"drift\[0\] has shape \(6, 8\), expected \(\) or \(8, 6\)",
    ),
    "nan in one component": (
        lambda: Problem(PLANE, drift=field(math.nan, lead=(2,))),
        r"drift\[1\] is nan at cell \(2, 3\), x = \(-1.125, 0.333333\); give finite",
    ),
    "inf returned": (
        lambda: Problem(LINE, drift=lambda x: 1 / np.maximum(x, 0)),
        r"drift\[0\] is inf at cell \(0,\), x = \(-2.625\)",
    ),
    "calculus misspelt": (lambda: Problem(PLANE, calculus="itoh"), r"calculus is 'itoh'; choose"),
    "calculus None": (lambda: Problem(PLANE, calculus=None), r"calculus is None; choose from ito"),
    "calculus list": (lambda: Problem(PLANE, calculus=["ito"]), r"calculus is \['ito'\]; choose"),
}

DIFFUSIONS = {
    "text": (lambda: Problem(PLANE, D="1"), r"D is '1'; give a number, 2 diagonal entries or"),
    "three entries": (
        lambda: Problem(PLANE, D=[1, 2, 3]),
        r"D has 3 rows on a 2-dimensional grid; give a number, 2 diagonal entries or a 2 x 2 matr",
    ),
    "one entry": (lambda: Problem(PLANE, D=[1]), r"D has one row on a 2-dimensional grid; give"),
    "no entries": (lambda: Problem(PLANE, D=[]), r"D has 0 rows on a 2-dimensional grid; give"),
    "array of three": (lambda: Problem(PLANE, D=np.ones(3)), r"D has shape \(3,\) on a 2-dim"),
    "3 x 3": (lambda: Problem(PLANE, D=np.eye(3)), r"D has shape \(3, 3\).*a 2 x 2 matrix"),
    "2 x 3": (
        lambda: Problem(PLANE, D=[[1, 0, 0], [0, 1, 0]]),
        r"D has rows of 3 and 3 entries.*a 2 x 2 matrix",
    ),
    "ragged": (lambda: Problem(PLANE, D=[[1, 0], [1]]), r"D has rows of 2 and 1 entries"),
    "transposed": (
        lambda: Problem(PLANE, D=np.ones((2, 2, 6, 8))),
        r"D has shape \(2, 2, 6, 8\).*array of shape \(8, 6\)",
    ),
    "space first": (
        lambda: Problem(PLANE, D=np.ones((8, 6, 2, 2))),
        r"D has shape \(8, 6, 2, 2\).*array of shape \(8, 6\)",
    ),
    "returns three": (
        lambda: Problem(PLANE, D=lambda x, y: (1, 2, 3)),
        r"D returned 3 rows on a 2-dimensional grid",
    ),
    "returns None": (lambda: Problem(PLANE, D=lambda x, y: None), r"D\(x, y\) returned None"),
    "one argument": (lambda: Problem(PLANE, D=lambda x: x), r"D\(x, y\) could not be called"),
    "an entry None": (lambda: Problem(PLANE, D=[[1, None], [None, 1]]), r"D\[0, 1\] is None; giv"),
    "an entry a function": (
        lambda: Problem(PLANE, D=[[np.sin, 0], [0, 1]]),
        r"D\[0, 0\] is a function; give a number or an array",
    ),
    "complex": (lambda: Problem(PLANE, D=1j), r"D is complex; give a number"),
    "complex entry": (lambda: Problem(PLANE, D=[1, 1j]), r"D\[1, 1\] is complex; give"),
    "negative": (
        lambda: Problem(PLANE, D=-1),
        r"D has the negative eigenvalue -1 at cell \(0, 0\), x = \(-2.625, -1.66667\); give a diff",
    ),
    "one negative": (lambda: Problem(PLANE, D=(1, -0.5)), r"negative eigenvalue -0.5 at cell"),
    "indefinite at a cell": (
        lambda: Problem(PLANE, D=tensor([(0, 1), (1, 0)], 2)),
        r"negative eigenvalue -1 at cell \(2, 3\), x = \(-1.125, 0.333333\); give a diffusion",
    ),
    "indefinite function": (
        lambda: Problem(PLANE, D=lambda x, y: [[1, x], [x, 1]]),
        r"negative eigenvalue -1.625 at cell \(0, 0\)",
    ),
    "indefinite in space": (
        lambda: Problem(SPACE, D=[[1, 2, 0], [2, 1, 0], [0, 0, 1]]),
        r"negative eigenvalue -1 at cell \(0, 0, 0\), x = \(-0.75, -0.75, -0.75\)",
    ),
    "not symmetric": (
        lambda: Problem(PLANE, D=[[1, 0.2], [0.1, 1]]),
        r"D is not symmetric at cell \(0, 0\).*\[\[1.0, 0.2\], \[0.1, 1.0\]\]; give D = D\^T",
    ),
    "not symmetric at a cell": (
        lambda: Problem(PLANE, D=tensor([(0, 1)], 0.5)),
        r"D is not symmetric at cell \(2, 3\), x = \(-1.125, 0.333333\)",
    ),
    "nan at a cell": (
        lambda: Problem(PLANE, D=tensor([(0, 1), (1, 0)], math.nan)),
        r"D\[0, 1\] is nan at cell \(2, 3\), x = \(-1.125, 0.333333\); give finite",
    ),
    "infinite": (lambda: Problem(PLANE, D=math.inf), r"D\[0, 0\] is inf at cell \(0, 0\)"),
    "zero": (lambda: Problem(PLANE, D=0), r"D is zero everywhere, and without noise .* give D > 0"),
    "not periodic": (
        lambda: Problem(RING, D=lambda x, y: 1 + x),
        r"D jumps by 1 across the seam of the periodic axis 0; make it periodic$",
    ),
    "sigma and D": (
        lambda: Problem(PLANE, D=1, sigma=1),
        r"D and sigma are both given; give one \(D = beta sigma sigma\^T / 2\)",
    ),
    "sigma of three rows": (
        lambda: Problem(PLANE, sigma=[[1, 0], [0, 1], [0, 1]]),
        r"sigma has 3 rows on a 2-dimensional grid; give .*a 2 x m matrix",
    ),
    "sigma text": (lambda: Problem(PLANE, sigma="noise"), r"sigma is 'noise'; give a number"),
    "sigma nan": (
        lambda: Problem(PLANE, sigma=lambda x, y: [[np.sqrt(x), 0], [0, 1]]),
        r"sigma\[0, 0\] is nan at cell \(0, 0\)",
    ),
    "sigma zero": (lambda: Problem(PLANE, sigma=0), r"D is zero everywhere"),
    "beta text": (lambda: Problem(PLANE, beta="cold"), r"beta is 'cold'; give a finite positive"),
    "beta digits": (lambda: Problem(PLANE, beta="1"), r"beta is '1'; give a finite positive numb"),
    "beta zero": (lambda: Problem(PLANE, beta=0), r"beta is 0; give a finite positive number"),
    "beta negative": (lambda: Problem(PLANE, beta=-1), r"beta is -1; give a finite positive"),
    "beta nan": (lambda: Problem(PLANE, beta=math.nan), r"beta is nan; give a finite positive"),
    "beta infinite": (lambda: Problem(PLANE, beta=math.inf), r"beta is inf; give a finite"),
    "beta list": (lambda: Problem(PLANE, beta=[1]), r"beta is \[1\]; give a finite positive"),
    "beta complex": (lambda: Problem(PLANE, beta=1j), r"beta is 1j; give a finite positive"),
    "beta bool": (lambda: Problem(PLANE, beta=True), r"beta is True; give a finite positive"),
    "beta and kT": (lambda: Problem(PLANE, beta=1, kT=1), r"beta and kT are both given; give one"),
    "kT zero": (lambda: Problem(PLANE, kT=0), r"kT is 0; give a finite positive number"),
    "kT tiny": (lambda: Problem(PLANE, kT=1e-310), r"kT is 1e-310, beyond floating point; give"),
    "unknown word": (
        lambda: Problem(PLANE, temperature=1),
        r"unexpected keyword argument 'temperature'",
        TypeError,
    ),
    "changed later": (
        lambda: setattr(Problem(PLANE), "beta", 2.0),
        r"does not change; make a new one to set beta",
        AttributeError,
    ),
    "moved arrays": (
        lambda: Problem(PLANE, bowl(*PLANE.x), D=tensor([], 0)).on(PLANE.refined()),
        r"f and D given as arrays know one grid only; give callables",
    ),
    "moved line array": (
        lambda: Problem(LINE, LINE.x[0] ** 2).on(LINE.refined()),
        r"f given as arrays know one grid only",
    ),
    "moved to nothing": (lambda: Problem(PLANE, bowl).on(None), r"grid is None; give a Grid"),
}

INVERSE = {
    "no grid": (lambda: Problem.from_potential(None, bowl), r"grid is None; give a Grid"),
    "no Phi": (lambda: Problem.from_potential(PLANE, None), r"Phi is None; give a number or an"),
    "Phi nan": (
        lambda: Problem.from_potential(PLANE, lambda x, y: np.log(x)),
        r"Phi is nan at cell \(0, 0\)",
    ),
    "Phi not periodic": (
        lambda: Problem.from_potential(RING, lambda x, y: x),
        r"Phi jumps by 1 across the seam of the periodic axis 0",
    ),
    "D negative": (
        lambda: Problem.from_potential(PLANE, bowl, D=-1),
        r"D has the negative eigenvalue -1",
    ),
    "beta zero": (
        lambda: Problem.from_potential(PLANE, bowl, beta=0),
        r"beta is 0; give a finite positive number",
    ),
    "Q and j": (
        lambda: Problem.from_potential(PLANE, bowl, Q=1, j=lambda x, y: (y, -x)),
        r"Q and j are both given; give one \(j = -Q grad Phi \+ div Q / beta\)",
    ),
    "Q symmetric": (
        lambda: Problem.from_potential(PLANE, bowl, Q=[[0, 1], [1, 0]]),
        r"Q is not antisymmetric at cell \(0, 0\).*\[\[0.0, 1.0\], \[1.0, 0.0\]\]; give Q = -Q\^T",
    ),
    "Q function symmetric": (
        lambda: Problem.from_potential(PLANE, bowl, Q=lambda x, y: [[0, x], [x, 0]]),
        r"Q is not antisymmetric at cell .*give Q = -Q\^T",
    ),
    "Q text": (
        lambda: Problem.from_potential(PLANE, bowl, Q="q"),
        r"Q is 'q'; give an antisymmetric matrix, or q in two dimensions",
    ),
    "Q of one argument": (
        lambda: Problem.from_potential(PLANE, bowl, Q=lambda x: x),
        r"Q\(x, y\) could not be called",
    ),
    "Q nan": (
        lambda: Problem.from_potential(PLANE, bowl, Q=lambda x, y: np.sqrt(y)),
        r"Q is nan at cell \(0, 0\)",
    ),
    "Q not periodic": (
        lambda: Problem.from_potential(RING, lambda x, y: y, Q=lambda x, y: x),
        r"Q jumps by 1 across the seam of the periodic axis 0; make it periodic",
    ),
    "q on a line": (
        lambda: Problem.from_potential(LINE, lambda x: x**2, Q=1),
        r"Q has one number per cell on a 1-dimensional grid.*use j= in one",
    ),
    "q in space": (
        lambda: Problem.from_potential(SPACE, lambda x, y, z: x, Q=lambda x, y, z: x),
        r"Q returned one number per cell on a 3-dimensional grid.*give a 3 x 3 matrix",
    ),
    "j of one component": (
        lambda: Problem.from_potential(PLANE, bowl, j=lambda x, y: x),
        r"j returned shape \(8, 6\) on a 2-dimensional grid",
    ),
    "j with a source": (
        lambda: Problem.from_potential(PLANE, bowl, j=lambda x, y: (x, y)),
        r"div\(j exp\(-beta Phi\)\) is not zero .*is no steady state; correct j, or give Q",
    ),
    "j of another density": (
        lambda: Problem.from_potential(PLANE, lambda x, y: x**2 + 2 * y**2, j=lambda x, y: (y, -x)),
        r"div\(j exp\(-beta Phi\)\) is not zero",
    ),
    "array j with a source": (
        lambda: Problem.from_potential(PLANE, bowl(*PLANE.x), j=PLANE.x),
        r"div\(j exp\(-beta Phi\)\) is not zero",
    ),
}

SAMPLES = {
    "no grid": (lambda: Problem.from_samples(None, losses, None, 0.1, 1), r"grid is None; give"),
    "no losses": (
        lambda: from_samples(None),
        r"losses is None; give a function of \(theta, data\)",
    ),
    "losses of theta": (
        lambda: from_samples(lambda theta: theta),
        r"losses\(theta, data\) could not be called",
    ),
    "mean loss": (
        lambda: from_samples(lambda theta, data: theta[0] ** 2),
        r"returned shape \(5,\) for theta of shape \(2, 5\); return \(N, 5\), one row per sample",
    ),
    "one sample": (
        lambda: from_samples(lambda theta, data: theta[:1]),
        r"returned shape \(1, 5\).*one row per sample, N >= 2",
    ),
    "None": (lambda: from_samples(lambda theta, data: None), r"losses.*returned is None; give one"),
    "text": (lambda: from_samples(lambda theta, data: "low"), r"returned is 'low'; give one row"),
    "complex": (lambda: from_samples(lambda theta, data: theta + 1j), r"returned is complex; give"),
    "no data": (
        lambda: from_samples(lambda theta, data: theta * data["x"]),
        r"losses\(theta, data\) failed for theta of shape \(2, 5\) and data of type NoneType",
    ),
    "does not broadcast": (
        lambda: from_samples(lambda theta, data: np.arange(7) * theta[0]),
        r"losses\(theta, data\) failed for theta of shape \(2, 5\).*broadcast",
    ),
    "nan": (
        lambda: from_samples(lambda theta, data: np.sqrt(theta)),
        r"the mean of losses is nan at cell \(0, 0\)",
    ),
    "all the same": (
        lambda: from_samples(lambda theta, data: np.stack([theta[0]] * 2)),
        r"D is zero everywhere",
    ),
    "eta zero": (lambda: from_samples(eta=0), r"eta is 0; give a finite positive number"),
    "eta text": (lambda: from_samples(eta="small"), r"eta is 'small'; give a finite positive"),
    "eta None": (lambda: from_samples(eta=None), r"eta is None; give a finite positive number"),
    "eta list": (lambda: from_samples(eta=[0.1]), r"eta is \[0.1\]; give a finite positive"),
    "b zero": (lambda: from_samples(b=0), r"b is 0; give a whole number of samples per batch"),
    "b fractional": (lambda: from_samples(b=1.5), r"b is 1.5; give a whole number of samples"),
    "b all": (
        lambda: from_samples(b=2, replacement=False),
        r"b = 2 of N = 2 samples without replacement is full-batch .*no noise; give b < N",
    ),
    "b more than all": (
        lambda: from_samples(b=5, replacement=False),
        r"b = 5 of N = 2 samples without replacement.*give b < N",
    ),
    "replacement text": (
        lambda: from_samples(replacement="no"),
        r"replacement is 'no'; give True or False",
    ),
    "replacement number": (
        lambda: from_samples(replacement=0),
        r"replacement is 0; give True or False",
    ),
    "grad_losses a number": (
        lambda: from_samples(grad_losses=3),
        r"grad_losses is 3; give a function of \(theta, data\)",
    ),
    "grad_losses of three": (
        lambda: from_samples(grad_losses=lambda theta, data: np.ones((2, 3, theta.shape[1]))),
        r"returned shape \(2, 3, 5\) for theta of shape \(2, 5\); return \(N, 2, 5\)",
    ),
    "grad_losses of more samples": (
        lambda: from_samples(grad_losses=lambda theta, data: np.ones((3, *theta.shape))),
        r"losses returned 2 samples and grad_losses 3",
    ),
    "grad_losses wrong": (
        lambda: from_samples(grad_losses=lambda theta, data: np.stack([theta, theta])),
        r"the mean of grad_losses is not the gradient of the mean of losses: component",
    ),
}


def steady(**options):
    """Steady state of a harmless problem."""
    return steady_state(Problem(LINE, lambda x: x**2), **options)


STEADY = {
    "tol text": (lambda: steady(tol="small"), r"tol is 'small'; give"),
    "tol None": (lambda: steady(tol=None), r"tol is None; give"),
    "solver list": (lambda: steady(solver=["direct"]), r"solver is \['direct'\]"),
    "two closed classes": (
        lambda: steady_state(
            Problem(
                Grid([(-1, 1)], 40), drift=lambda x: x, D=lambda x: np.maximum(np.abs(x) - 0.3, 0)
            )
        ),
        r"not unique",
    ),
    "edges of nothing": (lambda: Edges.from_problem(None), r"give a Problem"),
    "quasi-stationary of nothing": (
        lambda: fp.quasi_stationary(None),
        r"give a Problem",
    ),
    "quasi-stationary tol": (
        lambda: fp.quasi_stationary(Problem(ABSORBING), tol="small"),
        r"tol is 'small'; give",
    ),
    "quasi-stationary steps": (
        lambda: fp.quasi_stationary(Problem(ABSORBING), max_iterations=0),
        r"max_iterations is 0; give",
    ),
    "tensor on graded axes": (
        lambda: Edges.from_problem(Problem(GRADED, D=[[1, 0.2], [0.2, 1]])),
        r"off-diagonal entries on a graded grid; use uniform axes, .* or (a )?diagonal D",
    ),
    "generator of a grid": (lambda: Generator(PLANE), r"Generator received Grid; give a Problem"),
    "state of a grid": (lambda: steady_state(PLANE), r"steady_state received Grid; give a Problem"),
    "absorbing": (
        lambda: steady_state(Problem(ABSORBING)),
        r"absorbing sides: all mass leaves and there is no steady state; use .*quasi_stationary",
    ),
    "unknown scheme": (lambda: steady(scheme="fast"), r"scheme is 'fast'; choose from auto, mark"),
    "scheme list": (lambda: steady(scheme=["log"]), r"scheme is \['log'\]; choose from"),
    "unknown solver": (lambda: steady(solver="amg"), r"solver is 'amg'; choose from"),
    "tol zero": (lambda: steady(tol=0), r"tol is 0; give a finite positive number"),
    "tol negative": (lambda: steady(tol=-1e-8), r"tol is -1e-08; give a finite positive number"),
    "tol nan": (lambda: steady(tol=math.nan), r"tol is nan; give a finite positive number"),
    "accuracy 3": (lambda: steady(accuracy=3), r"accuracy is 3; choose from None, 2, 4"),
    "accuracy text": (lambda: steady(accuracy="4"), r"accuracy is '4'; choose from None, 2, 4"),
    "accuracy True": (lambda: steady(accuracy=True), r"accuracy is True; choose from None, 2, 4"),
    "accuracy nan": (lambda: steady(accuracy=math.nan), r"accuracy is nan; choose from None, 2, 4"),
    "accurate and linear": (
        lambda: steady(accuracy=4, scheme="markov"),
        r"accuracy=4 with scheme='markov': no linear scheme .*\"auto\" or \"log\", or accuracy=2",
    ),
    "accurate and graded": (
        lambda: steady_state(Problem(GRADED), accuracy=4),
        r"accuracy=4 on a graded axis: .*give \(lo, hi\) for every axis, or use accuracy=2",
    ),
    "accurate on few cells": (
        lambda: steady_state(Problem(Grid([(-1, 1)] * 2, (8, 5))), accuracy=4),
        r"accuracy=4 on a grid of shape \(8, 5\); give at least 6 cells per axis",
    ),
    "accurate without noise": (
        lambda: steady_state(Problem(PLANE, D=(0, 1)), accuracy=4),
        r"accuracy=4 needs noise in every direction, and D is singular at cell \(0, 0\).*=2",
    ),
    "accurate and absorbing": (
        lambda: steady_state(Problem(ABSORBING), accuracy=4),
        r"absorbing sides: all mass leaves and there is no steady state",
    ),
    "accurate from Phi on the grid": (
        lambda: steady_state(Problem.from_potential(PLANE, PLANE.x[0] ** 2, Q=0.5), accuracy=4),
        r"accuracy=4 with Problem.from_potential and Phi given as arrays: .*give callables",
    ),
    "accurate Stratonovich on the grid": (
        lambda: steady_state(
            Problem(PLANE, D=1 + PLANE.x[0] ** 2, calculus="stratonovich"), accuracy=4
        ),
        r"accuracy=4 with Stratonovich calculus and D given as arrays: .*give callables",
    ),
    "no noise on a strip": (
        lambda: steady_state(
            Problem(Grid([(-1, 1)] * 2, 8), D=lambda x, y: np.where(np.abs(x) < 0.3, 0, 1.0))
        ),
        r"not unique: there are 2 sets .*cells \(0, 0\), \(4, 0\).*a little diff",
    ),
    "no side to leave by": (
        lambda: fp.quasi_stationary(Problem(LINE)),
        r"no side of the grid is absorbing.*use steady_state",
    ),
}


def evolve(rho0=None, t=(0, 1), method=None, **options):
    """Evolution of a harmless problem."""
    rho0 = uniform(LINE) if rho0 is None else rho0
    return solve(Problem(LINE, lambda x: x**2 / 2), rho0, t, method, **options)


def spoilt(value):
    """Uniform density on the line with a bad value in one cell."""
    rho = uniform(LINE)
    rho[3] = value
    return rho


EVOLUTION = {
    "no problem": (lambda: solve(LINE, uniform(LINE), 1), r"solve received Grid; give a Problem"),
    "rho0 negative": (
        lambda: evolve(spoilt(-0.1)),
        r"rho0 is negative in 1 of 8 cells, least -0.1 at cell \(3,\), x = \(-0.375\); give a dens",
    ),
    "rho0 nan": (lambda: evolve(spoilt(math.nan)), r"rho0 is nan at cell \(3,\), x = \(-0.375\)"),
    "rho0 of mass 2": (lambda: evolve(2 * uniform(LINE)), r"rho0 has mass 2, expected 1; divide"),
    "rho0 zero": (lambda: evolve(0 * uniform(LINE)), r"rho0 has mass 0, expected 1; give a dens"),
    "rho0 too short": (lambda: evolve(np.ones(7)), r"rho0 has shape \(7,\), expected .*\(8,\)"),
    "rho0 a function": (lambda: evolve(np.exp), r"rho0 is a function; give an array of shape"),
    "rho0 text": (lambda: evolve("uniform"), r"rho0 is 'uniform'; give an array of shape \(8,\)"),
    "t decreasing": (lambda: evolve(t=[1, 0]), r"t does not increase: t\[0\] = 1, t\[1\] = 0"),
    "t repeated": (lambda: evolve(t=[0, 1, 1]), r"t does not increase: t\[1\] = 1, t\[2\] = 1"),
    "t nan": (lambda: evolve(t=[0, math.nan]), r"t\[1\] = nan is not finite; give finite times"),
    "t empty": (lambda: evolve(t=[]), r"t has shape \(0,\); give a one-dimensional array"),
    "t a table": (lambda: evolve(t=[[0, 1]]), r"t has shape \(1, 2\); give a one-dimensional"),
    "t text": (lambda: evolve(t="long"), r"t is 'long'; give increasing output times"),
    "t None": (lambda: evolve(t=None), r"t is None; give increasing output times"),
    "t digits": (lambda: evolve(t="1"), r"t is '1'; give increasing output times"),
    "t backwards": (lambda: evolve(t=-1), r"t is -1.0; give a finite positive number"),
    "method text": (lambda: evolve(method="euler"), r"method is 'euler'; give a Method, e.g."),
    "method class": (lambda: evolve(method=BackwardEuler), r"is the class BackwardEuler; give an"),
    "dt zero": (lambda: BackwardEuler(0), r"dt is 0; give a finite positive number"),
    "dt text": (lambda: BackwardEuler("short"), r"dt is 'short'; give a finite positive number"),
    "tolerance of splitting": (
        lambda: fp.Splitting(0.0),
        r"tolerance is 0.0; give a number between",
    ),
    "splitting too tight": (lambda: fp.Splitting(1e-15), r"reaches 1e-12 at best; use Exponential"),
    "tolerance 3": (lambda: Exponential(3), r"tolerance is 3; give a number between 0 and 1"),
    "rtol zero": (lambda: evolve(rtol=0), r"rtol is 0; give a number between 0 and 1"),
    "rtol negative": (lambda: evolve(rtol=-1e-8), r"rtol is -1e-08; give a number between 0 and"),
    "atol text": (lambda: evolve(atol="small"), r"atol is 'small'; give a number between 0 and 1"),
    "rtol for fixed steps": (
        lambda: evolve(method=BackwardEuler(0.1), rtol=1e-6),
        r"does not control its error; choose its step, or use Exponential\(\)",
    ),
    "callback a number": (lambda: evolve(callback=3), r"callback is int; give a function"),
    "progress text": (lambda: evolve(progress="yes"), r"progress is 'yes'; give None, True, False"),
    "steady too short": (lambda: evolve(steady=np.zeros(3)), r"steady has .* shape \(3,\), expect"),
    "steady not log": (lambda: evolve(steady=uniform(LINE)), r"of mass .*give log\(rho\), not rho"),
    "steady text": (lambda: evolve(steady="gibbs"), r"steady is 'gibbs'; give a SteadyState of"),
    "steady a problem": (
        lambda: evolve(steady=Problem(LINE)),
        r"steady is of type Problem; give a",
    ),
}

MODEL = sgd.LeastSquares([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]], [1.0, -1.0, 0.0])


def run(model=MODEL, x0=(0.0, 0.0), eta=0.1, b=1, steps=10, **options):
    """Short swarm."""
    return sgd.run(model, x0, eta, b, steps, **{"n_particles": 4, **options})


SWARMS = {
    "no model": (lambda: run(None), r"model is of type NoneType; give sgd.LeastSquares"),
    "model text": (lambda: run("logistic"), r"model is of type str; give sgd.LeastSquares"),
    "rows of y": (
        lambda: sgd.LeastSquares([[1, 2]], [1, 2]),
        r"y has shape \(2,\), expected \(1,\)",
    ),
    "labels 0 and 1": (lambda: sgd.Logistic([[1, 1]], [0]), r"label 0; .* takes -1 and \+1"),
    "model class": (lambda: run(sgd.Logistic), r"model is the class Logistic; give an object"),
    "rows of text": (lambda: sgd.LeastSquares("a", [0]), r"a is 'a'; give an array \(N, d\), one"),
    "weight decay": (
        lambda: sgd.LeastSquares([[1]], [1], -1),
        r"weight_decay is -1; give a number",
    ),
    "weight decay text": (
        lambda: sgd.LeastSquares([[1]], [1], "a"),
        r"decay is 'a'; give a number",
    ),
    "x0 too long": (lambda: run(x0=(0, 0, 0)), r"x0 has 3 components, but the rows of a have 2"),
    "x0 nan": (lambda: run(x0=(math.nan, 0)), r"x0 has values that are not finite"),
    "x0 text": (lambda: run(x0="zero"), r"x0 is 'zero'; give an array \(d,\) or \(n_particles"),
    "eta zero": (lambda: run(eta=0), r"eta is 0; give a finite positive number"),
    "eta text": (lambda: run(eta="small"), r"eta is 'small'; give a finite positive number"),
    "eta None": (lambda: run(eta=None), r"eta is None; give a finite positive number"),
    "eta complex": (lambda: run(eta=1j), r"eta is 1j; give a finite positive number"),
    "eta numpy": (lambda: run(eta=np.float64(-1)), r"eta is -1.0; give a finite positive number"),
    "b zero": (lambda: run(b=0), r"b is 0, expected an integer >= 1"),
    "b fractional": (lambda: run(b=1.5), r"b is 1.5, expected an integer >= 1"),
    "b more than all": (
        lambda: run(b=4, sampling="without_replacement"),
        r"b is 4, but only 3 samples can be drawn without replacement; take a smaller batch",
    ),
    "sampling": (lambda: run(sampling="shuffle"), r"sampling is 'shuffle', expected one of"),
    "sampling list": (
        lambda: run(sampling=["reshuffle"]),
        r"sampling is \['reshuffle'\], expected",
    ),
    "steps zero": (lambda: run(steps=0), r"steps is 0, expected an integer >= 1"),
    "steps 1e3": (lambda: run(steps=1e3), r"steps is 1000.0, expected an integer"),
    "burn-in": (lambda: run(burn_in=10), r"burn_in is 10, but the run has 10 steps; take more"),
    "thin": (lambda: run(thin=20), r"thin is 20, but only 10 steps follow the burn-in"),
    "seed": (lambda: run(seed=-1), r"seed is -1, expected an integer from 0"),
    "particles": (lambda: run(n_particles=0), r"n_particles is 0, expected an integer >= 1"),
    "gradients of theta": (
        lambda: run(lambda theta: theta),
        r"grad_losses\(theta, data\) could not be called",
    ),
    "gradients None": (lambda: run(lambda theta, data: None), r"returned is None; give one row"),
    "gradients of the mean": (
        lambda: run(lambda theta, data: theta),
        r"grad_losses returned shape \(2, 2\).*expected \(N, 2, 2\): sample, component, particle",
    ),
}

# Wrong calls whose message is not yet what a person would want (or that get through): a row that
# passes belongs in the table named before the colon.
GAPS = {}

TABLES = {
    "Grid": GRIDS,
    "densities": DENSITIES,
    "f": POTENTIALS,
    "drift": DRIFTS,
    "D": DIFFUSIONS,
    "from_potential": INVERSE,
    "from_samples": SAMPLES,
    "steady_state": STEADY,
    "solve": EVOLUTION,
    "sgd": SWARMS,
}
ROWS = [
    pytest.param(row, id=f"{table}: {name}")
    for table, rows in TABLES.items()
    for name, row in rows.items()
] + [pytest.param(row, id=name, marks=pytest.mark.xfail(strict=True)) for name, row in GAPS.items()]


@pytest.mark.parametrize("row", ROWS)
def test_message(row):
    call, pattern, error = (*row, ValueError)[:3]
    with pytest.raises(error) as caught:
        call()
    message = str(caught.value)
    assert re.search(pattern, message), message
    # One sentence, without the inside of an array or of the library.
    assert "\n" not in message
    assert not message.endswith(".")
    assert len(message) < 330
    assert not re.search(r"ufunc|dtype|inhomogeneous|unhashable|0x[0-9a-f]{6}|np\.float", message)
    if error is not TypeError:
        last = traceback.extract_tb(caught.value.__traceback__)[-1]
        assert Path(last.filename).is_relative_to(PACKAGE), f"raised in {last.filename}"


def test_the_table_is_long():
    assert len(ROWS) >= 200
    assert len({p.id for p in ROWS}) == len(ROWS)


@pytest.mark.parametrize(
    "function",
    [
        lambda x, y: undefined + y,  # noqa: F821
        lambda x, y: {}["key"],
        lambda x, y: [][0],
        lambda x, y: int("seven"),
    ],
)
def test_mistakes_of_the_users_own_code_pass_through(function):
    """What is wrong inside a function of the user's is told by its own traceback."""
    with pytest.raises((NameError, KeyError, IndexError, ValueError)) as caught:
        Problem(PLANE, function)
    last = traceback.extract_tb(caught.value.__traceback__)[-1]
    assert Path(last.filename) == Path(__file__)


def test_the_cause_is_kept():
    """A function that fails on arrays is explained, and its own error stays attached."""
    with pytest.raises(ValueError, match=r"np\.where") as caught:
        Problem(LINE, lambda x: x if x > 0 else 0)
    assert "truth value" in str(caught.value.__cause__)
