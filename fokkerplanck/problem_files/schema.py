"""What a problem file may hold: the tables, their keys and what each of them takes."""

from __future__ import annotations

from dataclasses import dataclass

from fokkerplanck.domain.grid import WALLS
from fokkerplanck.equation.calculus import SHARE
from fokkerplanck.evolution.transport import EVOLUTIONS
from fokkerplanck.linalg.killed import SOLVERS as KILLED_SOLVERS
from fokkerplanck.methods.jko.choice import SCHEMES as JKO_SCHEMES
from fokkerplanck.steady.choice import SCHEMES as STEADY_SCHEMES
from fokkerplanck.steady.markov import SOLVERS as STEADY_SOLVERS
from fokkerplanck.studies.points import PAIRINGS

#: What the leaves of a value are, in words.
LEAVES = {
    "formula": "a formula in quotes, or a number",
    "number": "a number, or a formula of the parameters in quotes",
    "whole": "a whole number",
    "flag": "true or false",
    "text": "a text in quotes",
    "word": "a word in quotes",
}
#: How leaves are nested, in words.
SHAPES = {0: "", 1: "a list", 2: "a list of lists"}


@dataclass(frozen=True)
class Key:
    """What a key takes.

    Attributes
    ----------
    leaf : str
        One of LEAVES, or "table", "parameter" or "argument", which are checked on their own.
    depths : tuple of int
        0 for a leaf by itself, 1 for a list of leaves, 2 for a list of lists.
    help : str
        What it means, for the page of docs.
    choices : tuple of str
        Words that there are.
    needed : bool
    """

    leaf: str
    depths: tuple[int, ...]
    help: str
    choices: tuple[str, ...] = ()
    needed: bool = False

    @property
    def takes(self) -> str:
        """What it takes, in words."""
        leaf = LEAVES.get(self.leaf, "a table")
        if self.choices:
            leaf = " or ".join((", ".join(self.choices[:-1]), self.choices[-1]))
        lists = [SHAPES[depth] for depth in self.depths if depth]
        words = [leaf] if 0 in self.depths else []
        if lists:
            of = f" of these ({leaf})" if not words else " of these"
            words.append(" or ".join(lists) + of)
        return "; ".join(words)


_SCALAR, _LIST, _MATRIX = (0,), (0, 1), (0, 1, 2)
_SCHEME = "as in the library's call"
#: Numbers that a sweep can ask for.
ASKED = ("entropy_production", "mean", "covariance", "gap")
#: Schemes of spectra and passage times.
RATES = ("auto", "markov", "upwind5", "phase_space")

GRID = {
    "box": Key("number", (2,), "for each axis [lower, upper], or all faces of a graded axis"),
    "faces": Key("number", (2,), "for each axis all faces of its cells, in place of box"),
    "shape": Key("whole", _LIST, "cells per axis"),
    "sides": Key("word", _MATRIX, "one word, one per axis, or a pair for each axis", WALLS),
}
PROBLEM = {
    "variables": Key("text", (1,), 'names of the coordinates, where not ["x", "y", "z"]'),
    "f": Key("formula", _SCALAR, "loss: the drift is -grad f"),
    "grad_f": Key("formula", _LIST, "its gradient, where f is a Python function"),
    "drift": Key("formula", _LIST, "drift, one formula per axis"),
    "D": Key("formula", _MATRIX, "diffusion: one, a diagonal, or a matrix; 1 where left out"),
    "sigma": Key("formula", _MATRIX, "noise matrix in place of D: D = beta sigma sigma^T/2"),
    "kT": Key("number", _SCALAR, "temperature; 1 where left out"),
    "beta": Key("number", _SCALAR, "1/kT, in place of it"),
    "calculus": Key("word", _SCALAR, "of the drift that is given", tuple(SHARE)),
    "Phi": Key("formula", _SCALAR, "potential of a steady state that the drift is made for"),
    "Q": Key("formula", (0, 2), "with Phi: antisymmetric matrix of the current"),
    "j": Key("formula", _LIST, "with Phi: leftover field, in place of Q"),
    "U": Key("formula", _SCALAR, "motion with inertia: potential energy of the position x"),
    "gamma": Key("number", _SCALAR, "with U: friction"),
    "mass": Key("number", _SCALAR, "with U: mass; 1 where left out"),
    "samples": Key("text", _SCALAR, "minibatch SGD: CSV file whose columns have names"),
    "loss": Key("formula", _SCALAR, "with samples: loss of one row, in x, y, z and its columns"),
    "eta": Key("number", _SCALAR, "with samples: learning rate"),
    "b": Key("whole", _SCALAR, "with samples: batch size"),
    "replacement": Key("flag", _SCALAR, "with samples: whether rows are drawn with replacement"),
    "zoo": Key("text", _SCALAR, "name of a reference problem; its arguments are in [zoo]"),
}
_START = Key(
    "start",
    _SCALAR,
    'density at t = 0: "uniform", a formula of it, or a table of mean and cov, or of point',
)
_TIMES = Key("number", (1,), "times, which increase", needed=True)
STEADY = {
    "scheme": Key("word", _SCALAR, _SCHEME, STEADY_SCHEMES),
    "solver": Key("word", _SCALAR, _SCHEME, STEADY_SOLVERS),
    "tol": Key("number", _SCALAR, "tolerance of the solver"),
    "accuracy": Key("whole", _SCALAR, _SCHEME),
}
SOLVE = {
    "t": _TIMES,
    "rho0": _START,
    "method": Key(
        "word",
        _SCALAR,
        "time stepping with its defaults",
        ("Exponential", "Implicit", "Splitting", "FluxCorrected"),
    ),
    "scheme": Key("word", _SCALAR, _SCHEME, EVOLUTIONS),
    "rtol": Key("number", _SCALAR, "relative tolerance"),
    "atol": Key("number", _SCALAR, "absolute tolerance"),
}
JKO = {
    "t": _TIMES,
    "tau": Key("number", _SCALAR, "longest step", needed=True),
    "rho0": _START,
    "scheme": Key("word", _SCALAR, "how a step is made", ("auto", *JKO_SCHEMES)),
    "order": Key("whole", _SCALAR, "in tau: 1 or 2"),
}
SPECTRUM = {
    "k": Key("whole", _SCALAR, "number of modes"),
    "tol": Key("number", _SCALAR, "tolerance of modes"),
    "scheme": Key("word", _SCALAR, _SCHEME, RATES),
}
MFPT = {
    "target": Key(
        "target",
        _SCALAR,
        "table: center and radius, box, normal and offset, or f and level (f below it); where "
        "left out, the absorbing sides",
    ),
    "scheme": Key("word", _SCALAR, _SCHEME, RATES),
    "solver": Key("word", _SCALAR, _SCHEME, tuple(KILLED_SOLVERS)),
}
VERIFY = {"quick": Key("flag", _SCALAR, "on a coarse grid")}
SWEEP = {
    "parameters": Key("lists", _SCALAR, "table: values for each parameter", needed=True),
    "ask": Key(
        "word",
        _SCALAR,
        "number that is asked of each problem",
        ASKED,
        needed=True,
    ),
    "pairing": Key("word", _SCALAR, "all combinations, or one after the other", PAIRINGS),
    "workers": Key("whole", _SCALAR, "processes, for sweeps from Python"),
}
PLOT = {
    "what": Key(
        "word",
        _LIST,
        "pictures, in this order",
        ("density", "potential", "current", "steady", "portrait", "spectrum", "free_energy"),
    ),
}
#: Questions in the order of the docs.
QUESTIONS = {
    "steady": STEADY,
    "solve": SOLVE,
    "jko": JKO,
    "spectrum": SPECTRUM,
    "mfpt": MFPT,
    "verify": VERIFY,
    "sweep": SWEEP,
    "plot": PLOT,
}
#: Tables with keys of their own; those of [parameters] and [zoo] are names.
TABLES = {"grid": GRID, "problem": PROBLEM, **QUESTIONS}
#: Keys that are no tables.
TOP = {"title": Key("text", _SCALAR, "one line on what this is")}
#: What a parameter may say in place of a number.
RANGE = {
    "value": Key("number", _SCALAR, "number that holds where no other is given", needed=True),
    "min": Key("number", _SCALAR, "least value, for sliders and sweeps"),
    "max": Key("number", _SCALAR, "largest value"),
    "scale": Key("word", _SCALAR, "of values in between", ("linear", "log")),
}
#: Ways to give a problem: what says which one it is, and what may stand beside it.
KINDS = {
    "zoo": (),
    "samples": ("variables", "loss", "eta", "b", "replacement"),
    "U": ("gamma", "mass", "kT", "beta", "variables"),
    "Phi": ("D", "kT", "beta", "Q", "j", "variables"),
    "": ("variables", "f", "grad_f", "drift", "D", "sigma", "kT", "beta", "calculus"),
}
#: Keys without which a kind is not whole.
NEEDED = {"samples": ("loss", "eta", "b"), "U": ("gamma",)}
