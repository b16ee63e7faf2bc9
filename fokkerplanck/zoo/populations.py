"""Births and deaths as noise: prey and predators, messengers and proteins."""

import math

import numpy as np

from fokkerplanck.domain.types import Array
from fokkerplanck.zoo.exact import Exact
from fokkerplanck.zoo.forms import Balance, check_numbers, fill, tensor

#: Prey that the land bears, and the rate at which predators starve, in units of the prey's growth.
CAPACITY, STARVATION = 2.5, 0.4
_DEVIATIONS = 7.0  # half width of a box round means

#: Averages over paths, and their standard errors.
REFERENCE = {
    "mean_x": 0.7610,
    "mean_y": 1.1514,
    "var_x": 0.1719,
    "cov": -0.0107,
    "var_y": 0.1547,
}
STANDARD_ERRORS = {
    "mean_x": 0.0003,
    "mean_y": 0.0003,
    "var_x": 0.0005,
    "cov": 0.0001,
    "var_y": 0.0005,
}


def predator_prey(size: float = 400.0) -> Exact:
    r"""Rosenzweig-MacArthur model with the noise of births and deaths: a noisy limit cycle.

    Prey x are born at the rate x, die at x²/2.5 and are eaten at e = xy/(1 + x), which breeds
    predators y; these starve at 0.4 y. b is births less deaths, D half of their sum, kT = 1/size,
    in units of `size` animals (Kurtz's diffusion limit).

    Parameters
    ----------
    size : float
        Animals per unit of density; moments are listed for 400.

    Returns
    -------
    Exact
        ``reference``: means and covariance, of 1000 paths of length 2000, steps of 0.02 by Heun's
        method for the drift; ``data["standard_errors"]`` of them. ``data["balances"]``:
        observables φ with 𝓛φ, whose average is 0, log x and log y among them: growth per head
        less the cost of noise.

    References
    ----------
    Rosenzweig, MacArthur, Am. Nat. 97 (1963) 209; Kurtz, Stoch. Proc. Appl. 6 (1978) 223.

    Examples
    --------
    >>> from fokkerplanck import zoo
    >>> zoo.predator_prey().kT
    0.0025
    """
    check_numbers(size=size)
    if size <= 0:
        raise ValueError(f"size is {size!r}; give a positive number of animals")
    known = math.isclose(size, 400.0, rel_tol=1e-12)
    return Exact(
        code="N7",
        name="predator_prey",
        title="prey and predators, noise of births and deaths",
        source="Rosenzweig, MacArthur, Am. Nat. 97 (1963) 209",
        kT=1 / size,
        box=[(0.02, 2.6), (0.02, 2.6)],
        D=_noise,
        g=lambda x, y: -_growth(x, y),
        reference=REFERENCE if known else {},
        data={
            "balances": _balances(1 / size),
            "standard_errors": STANDARD_ERRORS if known else {},
        },
        notes="the walls at 0.02 stand for what keeps the last few animals alive",
    )


def gene_expression(messengers: float = 20.0, proteins: float = 10.0, decay: float = 0.2) -> Exact:
    r"""Two-stage gene expression: messengers m are made and lost, each makes proteins p.

    b = (m̄ − m, γ(Pm − p)), D half of births and deaths together, (m̄ + m, γ(Pm + p))/2, kT = 1,
    times in lifetimes of a messenger. Drift and D are linear, so that moments close: the means are
    m̄ and p̄ = Pm̄, var m = m̄, cov = γp̄/(1 + γ), var p = p̄ + γPp̄/(1 + γ); eigenvalues −i − γk.

    Parameters
    ----------
    messengers : float
        Mean number m̄.
    proteins : float
        P, proteins per messenger.
    decay : float
        γ, rate at which a protein is lost.

    References
    ----------
    Thattai, van Oudenaarden, Proc. Natl. Acad. Sci. 98 (2001) 8614; Gillespie, J. Chem. Phys. 113
    (2000) 297, on the chemical Langevin equation.

    Examples
    --------
    >>> from fokkerplanck import zoo
    >>> zoo.gene_expression().moments["cov"].round(3).tolist()
    [[20.0, 33.333], [33.333, 533.333]]
    """
    check_numbers(messengers=messengers, proteins=proteins, decay=decay)
    if min(messengers, proteins, decay) <= 0:
        raise ValueError(
            f"gene_expression received messengers = {messengers}, proteins = {proteins}, decay = "
            f"{decay}; give positive numbers"
        )
    m0, P, c = float(messengers), float(proteins), float(decay)
    p0, cov = P * m0, P * m0 * c / (1 + c)
    variances = np.array([m0, p0 + P * cov])
    half, mean = _DEVIATIONS * np.sqrt(variances), np.array([m0, p0])
    rates = np.sort(np.add.outer(np.arange(7), c * np.arange(7)), axis=None)[1:7]
    return Exact(
        code="N8",
        name="gene_expression",
        title="messengers and proteins, noise of births and deaths",
        source="Thattai, van Oudenaarden, Proc. Natl. Acad. Sci. 98 (2001) 8614",
        kT=1.0,
        box=np.stack([np.maximum(mean - half, 0.0), mean + half], axis=1).tolist(),
        D=lambda m, p: tensor(
            [[(m0 + m) / 2 + 0 * p, 0 * (m + p)], [0 * (m + p), c * (P * m + p) / 2]]
        ),
        g=lambda m, p: fill(m - m0, c * (p - P * m)),
        eigenvalues=-rates,
        moments={"mean": mean, "cov": np.array([[m0, cov], [cov, variances[1]]])},
        notes="moments of the plane, of which the walls cut off little",
    )


def _growth(x: Array, y: Array) -> Array:
    """Births less deaths."""
    eaten = x * y / (1 + x)
    return fill(x - x**2 / CAPACITY - eaten, eaten - STARVATION * y)


def _noise(x: Array, y: Array) -> Array:
    """Half of births and deaths together, on the diagonal."""
    eaten = x * y / (1 + x)
    none = 0 * eaten
    return tensor([[(x + x**2 / CAPACITY + eaten) / 2, none], [none, (eaten + STARVATION * y) / 2]])


def _balances(kT: float) -> dict[str, Balance]:
    """Numbers, and their logarithms."""

    def per_head(x: Array, y: Array) -> tuple[Array, Array]:
        b, D = _growth(x, y), _noise(x, y)
        return b[0] / x - kT * D[0, 0] / x**2, b[1] / y - kT * D[1, 1] / y**2

    return {
        "x": Balance(lambda x, y: x + 0 * y, lambda x, y: _growth(x, y)[0]),
        "y": Balance(lambda x, y: y + 0 * x, lambda x, y: _growth(x, y)[1]),
        "log x": Balance(lambda x, y: np.log(x) + 0 * y, lambda x, y: per_head(x, y)[0]),
        "log y": Balance(lambda x, y: np.log(y) + 0 * x, lambda x, y: per_head(x, y)[1]),
    }
