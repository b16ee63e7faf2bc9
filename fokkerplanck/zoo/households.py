"""Wealth of households that may not borrow: mass that sticks to a wall."""

import math

import numpy as np

from fokkerplanck.domain.types import Array
from fokkerplanck.zoo.exact import Exact
from fokkerplanck.zoo.forms import Balance, fill

#: Interest; spending of who owns nothing, over mean income; spending per unit of wealth, 1/year.
INTEREST, NEEDS, PROPENSITY = 0.03, 0.95, 0.08
#: Persistence of log income, 1/year (0.9 from one year to the next), and its variance.
REVERSION, VARIANCE = 0.1, 0.07

#: Averages over paths, and their standard errors.
REFERENCE = {"a": 1.986, "a2": 9.267, "a income": 2.3497, "atom": 0.229}
STANDARD_ERRORS = {"a": 0.001, "a2": 0.005, "a income": 0.0008, "atom": 0.0005}


def household_wealth() -> Exact:
    r"""Wealth a ≥ 0 under a borrowing limit, a' = ra + eᶻ − c(a), with log income z of its own.

    z is an Ornstein-Uhlenbeck process of rate 0.1 a year and variance v = 0.07, of mean −v/2, so
    that ⟨eᶻ⟩ = 1; r = 0.03, c(a) = 0.95 + 0.08 a. Who owns nothing spends no more than eᶻ: where
    income is below 0.95 households stay at a = 0, nearly a quarter of all. D = diag(0, 1): no
    noise reaches wealth.

    Returns
    -------
    Exact
        ``moments``: of income, exact. ``reference``: ⟨a⟩, ⟨a²⟩, ⟨a eᶻ⟩ and the share ``"atom"`` at
        a = 0, of paths of 20 million years in all, in steps of 0.0125 to 0.1 years with martingales
        as control variates; the share extrapolated in the step, to which it is of order 3/4.
        ``data["standard_errors"]`` of them.
        ``data["balances"]``: observables φ(a, z) without slope at a = 0 and 𝓛φ, whose average is
        0 with what sits on the wall, such as a (ra + eᶻ − c): ⟨a eᶻ⟩ = 0.05 ⟨a²⟩ + 0.95 ⟨a⟩.

    References
    ----------
    Achdou, Han, Lasry, Lions, Moll, Rev. Econ. Stud. 89 (2022) 45; Aiyagari, Q. J. Econ. 109
    (1994) 659.

    Examples
    --------
    >>> import fokkerplanck as fp
    >>> exact = fp.zoo.household_wealth()
    >>> state = fp.steady_state(exact.build(40))
    >>> (poor,) = state.stats.atoms.values()
    >>> abs(poor - exact.reference["atom"]) < 0.02
    True
    """
    return Exact(
        code="N9",
        name="household_wealth",
        title="wealth under a borrowing limit, uncertain income",
        source="Achdou, Han, Lasry, Lions, Moll, Rev. Econ. Stud. 89 (2022) 45",
        kT=REVERSION * VARIANCE,
        box=[(0.0, 30.0), (-VARIANCE / 2 - 1.35, -VARIANCE / 2 + 1.35)],
        D=(0.0, 1.0),
        g=lambda a, z: fill(-_saving(a, z), REVERSION * (z + VARIANCE / 2)),
        moments={
            "income": 1.0,
            "income2": math.exp(VARIANCE),
            "z": -VARIANCE / 2,
            "var_z": VARIANCE,
        },
        reference=REFERENCE,
        data={"balances": _balances(), "standard_errors": STANDARD_ERRORS},
        notes="mass sits on the wall a = 0; walls of z at five standard deviations",
    )


def _saving(a: Array, z: Array) -> Array:
    """Income and interest less spending, above the borrowing limit."""
    return (INTEREST - PROPENSITY) * a + np.exp(z) - NEEDS


def _balances() -> dict[str, Balance]:
    """Observables that do not feel the wall."""

    def pull(z: Array) -> Array:
        return -REVERSION * (z + VARIANCE / 2)

    noise = REVERSION * VARIANCE
    return {
        "a2": Balance(lambda a, z: a**2 / 2 + 0 * z, lambda a, z: a * _saving(a, z)),
        "a3": Balance(lambda a, z: a**3 / 3 + 0 * z, lambda a, z: a**2 * _saving(a, z)),
        "a2 z": Balance(
            lambda a, z: a**2 * z / 2, lambda a, z: a * z * _saving(a, z) + a**2 * pull(z) / 2
        ),
        "income": Balance(
            lambda a, z: np.exp(z) + 0 * a, lambda a, z: np.exp(z) * (pull(z) + noise) + 0 * a
        ),
    }
