"""Lemma 6: is the potential the loss if and only if the noise is isotropic? One way only."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import numpy as np

from fokkerplanck import zoo
from fokkerplanck.domain.grid import Grid
from fokkerplanck.domain.types import Array
from fokkerplanck.equation.problem import Problem
from fokkerplanck.steady.state import SteadyState
from fokkerplanck.theorems.study import SOLVED, Study
from fokkerplanck.theorems.verdict import Comparison, Hypothesis, Verdict, judged, show

PAPER = "Chaudhari and Soatto, arXiv:1710.11029"
#: max |Phi - f| is taken where beta Phi is below this: no path comes to higher places.
HEIGHT = 8.0


def potential_is_loss(problem: Problem | Study, steady: SteadyState | None = None) -> Verdict:
    r"""Lemma 6, :math:`\Phi=f` if and only if D is isotropic; true from right to left.

    For D = c and :math:`g=\nabla f` it is a theorem that :math:`\Phi=f/c` and j = 0, and that is
    what is checked. For any other D the lemma says that :math:`\Phi\ne f`, which is true of most
    and false of some: (C0), :math:`D=1+Ce^{\beta f}`, isotropic at every point; (C1), (C2) in
    docs/theory.md.

    Parameters
    ----------
    problem : Problem
        With a loss f.
    steady : SteadyState, optional

    Returns
    -------
    Verdict
        Left: root mean square of :math:`\Phi-f` (of :math:`\Phi-f/c` for D = c) under the steady
        density, up to a constant. In ``numbers`` the largest where :math:`\beta\Phi<8`, the
        entropy production and its error, and rms j.

    Raises
    ------
    ValueError
        For anything but a Problem, for the state of another one, or without a unique steady state.

    References
    ----------
    Chaudhari and Soatto, arXiv:1710.11029, Lemma 6.

    Examples
    --------
    >>> import fokkerplanck as fp
    >>> for exact in (fp.zoo.double_well(), fp.zoo.gyrator(), fp.zoo.torus_loss()):
    ...     verdict = fp.theorems.potential_is_loss(exact.build(48))
    ...     print(verdict.is_theorem, verdict.outcome)
    True holds
    False holds
    False fails
    >>> print(fp.theorems.potential_is_loss(fp.zoo.invisible_noise().build(64)).statement)
    the potential is not the loss, Phi != f, because D is not constant, though isotropic (Lemma 6).
    """
    study = Study.of(problem, steady)
    p = study.problem
    constant = p.D_kind == "isotropic" and p.D_constant
    c = float(p.D.flat[0]) if constant else 1.0
    has_loss = p.f is not None
    kind = p.D_kind if p.D_constant else f"varying {p.D_kind}"
    hypotheses = [
        Hypothesis("g is the gradient of a loss f", has_loss),
        Hypothesis("D is isotropic and constant, D = c", constant, kind),
    ]
    statement = "the potential is the loss, Phi = f/c, and nothing circulates, because D = c."
    if not constant:
        scalar = p.D_kind == "isotropic"
        why = "constant, though isotropic" if scalar else "isotropic"
        statement = f"the potential is not the loss, Phi != f, because D is not {why} (Lemma 6)."
    words: dict[str, Any] = {
        "name": "potential_is_loss",
        "statement": statement,
        "is_theorem": constant,
        "reference": f"{PAPER}, Lemma 6",
    }
    if not has_loss:
        return judged(comparisons=(), hypotheses=hypotheses, applies=False, **words)
    gap, error = study.measured(lambda s: s.rms(difference(s, c)))
    largest = largest_difference(study, c)
    spread = study.rms(study.loss - study.mean(study.loss))
    production, its_error = study.measured(lambda s: s.steady.entropy_production)
    rms_j, j_error = study.measured(lambda s: s.rms(s.steady.j))
    # Differences of Phi come from Newton's method, relative to the range of beta Phi.
    rounding = SOLVED * (spread + p.kT * np.ptp(study.steady.log_rho))
    name = "rms(Phi - f)" if c == 1 else f"rms(Phi - f/{c:g})"
    comparisons = [Comparison(name, gap, "", 0.0, gap, error, rounding, not constant, spread)]
    if constant:
        scale = SOLVED * study.rms(p.g)
        comparisons.append(Comparison.between("rms j", rms_j, j_error, scale))
    circulates = "" if production <= 3 * its_error + SOLVED else ", and it circulates"
    return judged(
        comparisons=comparisons,
        hypotheses=hypotheses if constant else hypotheses[:1],
        remark=f"max|Phi - f| = {largest:.3g} where beta Phi < {HEIGHT:g}; entropy production "
        f"{production:.3g}{circulates}.",
        numbers={
            "max": largest,
            "rms": gap,
            "entropy production": production,
            "its error": its_error,
            "rms j": rms_j,
        },
        **words,
    )


class Row(NamedTuple):
    """A line of the truth table: what was expected of Phi - f and of EP, and what was found.

    ``expected`` and ``found`` are pairs of bools, (Phi differs from f, something circulates);
    None in ``found`` where the grid does not decide.
    """

    code: str
    diffusion: str
    title: str
    expected: tuple[bool, bool]
    found: tuple[bool | None, bool | None]
    difference: float
    entropy_production: float


def truth_table(n: int = 64) -> tuple[Row, ...]:
    r"""Truth table of ":math:`\Phi=f` if and only if D is isotropic", computed.

    Parameters
    ----------
    n : int
        Cells per axis, 4 n in one dimension.

    Returns
    -------
    tuple of Row
        Without a loss, the difference is that of :math:`\nabla\Phi` and g, rms, and not that of
        :math:`\Phi` and f.

    Examples
    --------
    >>> import fokkerplanck as fp
    >>> rows = fp.theorems.truth_table(24)
    >>> len(rows), rows[0].diffusion, rows[0].found
    (15, 'D = 1', (False, False))
    """
    rows = []
    for case in _cases():
        problem = case.build(n)
        study = Study(problem)
        if problem.f is None:
            gap, error = study.measured(lambda s: s.rms(s.problem.g - s.grad_Phi))
            shown, scale = gap, study.rms(problem.g)
        else:
            gap, error = study.measured(lambda s: s.rms(difference(s, 1.0)))
            shown, scale = largest_difference(study, 1.0), problem.kT
        production, its_error = study.measured(lambda s: s.steady.entropy_production)
        found = (
            _differs(gap, error, SOLVED * scale),
            _differs(production, its_error, SOLVED * study.turnover),
        )
        words = case.code, case.diffusion, case.title
        rows.append(Row(*words, case.expected, found, shown, production))
    return tuple(rows)


def truth_table_text(rows: Iterable[Row]) -> str:
    """Lay out the rows of `truth_table`.

    Examples
    --------
    >>> from fokkerplanck.theorems import loss
    >>> row = loss.Row("R6", "D = 1", "double well", (False, False), (False, False), 0.0, 0.0)
    >>> print(loss.truth_table_text([row]))
    code  diffusion  max|Phi - f|  expected  entropy production  expected
    R6    D = 1                 0         0                   0         0
    """
    head = ("code", "diffusion", "max|Phi - f|", "expected", "entropy production", "expected")
    lines = [head]
    for row in rows:
        moved, turns = ("not 0" if differs else "0" for differs in row.expected)
        numbers = show(row.difference), moved, show(row.entropy_production), turns
        lines.append((row.code, row.diffusion, *numbers))
    widths = [max(len(line[k]) for line in lines) for k in range(6)]
    words = (
        "  ".join(
            f"{a:<{w}}" if k < 2 else f"{a:>{w}}"
            for k, (a, w) in enumerate(zip(line, widths, strict=True))
        )
        for line in lines
    )
    return "\n".join(line.rstrip() for line in words)


def difference(study: Study, c: float) -> Array:
    """Difference Phi - f/c (*shape), without its mean under the steady density."""
    gap = study.steady.Phi - study.loss / c
    return gap - study.mean(gap)


def largest_difference(study: Study, c: float) -> float:
    """Largest |Phi - f/c| up to a constant where beta Phi is below HEIGHT."""
    near = study.problem.beta * study.steady.Phi < HEIGHT
    return float(np.abs(difference(study, c))[near].max())


def _differs(gap: float, error: float, rounding: float) -> bool | None:
    """Whether a gap is more than the error of the grid; None if that is open."""
    outcome = Comparison.between("", gap, error, rounding).outcome
    return {"holds": False, "fails": True}.get(outcome)


class Case(NamedTuple):
    """A line of the truth table before it is computed: ``build(n)`` gives the problem."""

    code: str
    diffusion: str
    title: str
    build: Callable[[int], Problem]
    expected: tuple[bool, bool]


def _cases() -> list[Case]:
    """Lines of the truth table; what is expected as in `Row`."""
    same, moved, turns = (False, False), (True, False), (True, True)
    catalogue = [
        ("D = 1", zoo.double_well(), same),
        ("D = c", zoo.scaled_diffusion(), moved),
        ("1 + e^(beta f), 1D, (C0)", zoo.invisible_noise(), same),
        ("d(x), along grad f, 1D", zoo.noise_induced_transition(), moved),
        ("d(x), not along grad f", zoo.scalar_noise(), turns),
        ("const, commutes with Hess f", zoo.commuting_diffusion(), moved),
        ("const, does not commute", zoo.gyrator(), turns),
        ("const, does not commute", zoo.moving_potential(), turns),
        ("D(x) of (C1)", zoo.hidden_anisotropy(), same),
        ("const, on a torus, (C2)", zoo.torus_loss(), (False, True)),
        ("D = 1, no loss", zoo.example_19(0.5), turns),
        ("D = 1, no loss, cycle", zoo.stuart_landau(), turns),
        ("D = 1, no loss, ring", zoo.tilted_ring(), turns),
    ]

    def builder(exact: zoo.Exact) -> Callable[[int], Problem]:
        return lambda n: exact.build(4 * n if exact.dim == 1 else n)

    rows = [Case(e.code, D, e.title, builder(e), expected) for D, e, expected in catalogue]
    rows.insert(4, Case("", "d(r), along grad f, 2D", "radial loss and noise", _radial, moved))
    rows.insert(7, Case("", "diag(1, 1/5), f of x alone", "noise across a valley", _valley, same))
    return rows


def _radial(n: int) -> Problem:
    """D = 1 + r^2/2, f = r^2/2: Phi = (1 + T) log(1 + r^2/2), j = 0."""
    grid = Grid([(-9, 9), (-9, 9)], n)
    return Problem(
        grid,
        f=lambda x, y: (x**2 + y**2) / 2,
        D=lambda x, y: 1 + (x**2 + y**2) / 2,
        kT=0.25,
    )


def _valley(n: int) -> Problem:
    """D = diag(1, 1/5) and a loss that varies along x alone, in a box: Phi = f, j = 0."""
    return Problem(
        Grid([(-3, 3), (-1, 1)], n),
        f=lambda x, y: (x**2 - 1) ** 2 / 4 + 0 * y,
        D=(1.0, 0.2),
        kT=0.25,
    )
