"""Oscillators that noise reaches through one of their variables: converged moments."""

from fokkerplanck.zoo.exact import Exact
from fokkerplanck.zoo.forms import check_numbers, fill


def van_der_pol(kT: float = 0.1) -> Exact:
    """Van der Pol's oscillator, x' = y, y' = (1 − x²) y − x + noise.

    D = diag(0, 1): the limit cycle is broadened along directions without noise of their own.

    Parameters
    ----------
    kT : float
        Temperature; moments are listed for 0.1.

    Returns
    -------
    Exact
        ``reference["var_x"]`` and ``reference["var_y"]``: limits of grids of 96² to 224² cells of
        a flux of fifth order; paths give 2.1028 ± 0.0008 and 2.1024 ± 0.0009.

    References
    ----------
    Van der Pol, Phil. Mag. 2 (1926) 978.

    Examples
    --------
    >>> from fokkerplanck import zoo
    >>> zoo.van_der_pol().reference["var_x"]
    2.1034
    """
    check_numbers(kT=kT)
    return Exact(
        code="N4",
        name="van_der_pol",
        title="van der Pol's oscillator, noise on the velocity",
        source="van der Pol, Phil. Mag. 2 (1926) 978",
        kT=kT,
        box=[(-4.5, 4.5), (-6.0, 6.0)],
        D=(0.0, 1.0),
        g=lambda x, y: fill(-y, x - (1 - x**2) * y),
        reference={"var_x": 2.1034, "var_y": 2.1035} if kT == 0.1 else {},
        notes="means vanish by symmetry",
    )


def fitzhugh_nagumo(kT: float = 0.1) -> Exact:
    """FitzHugh-Nagumo neuron, v' = v − v³/3 − w + 0.5 + noise, w' = 0.08 (v + 0.7 − 0.8 w).

    D = diag(1, 0): the recovery w feels no noise.

    Parameters
    ----------
    kT : float
        Temperature; moments are listed for 0.1.

    Returns
    -------
    Exact
        ``reference`` holds means, variances and the covariance: limits of grids of 96² to 224²
        cells of a flux of fifth order, good to the digits written; paths give 1.977 and 0.295.

    References
    ----------
    FitzHugh, Biophys. J. 1 (1961) 445.

    Examples
    --------
    >>> from fokkerplanck import zoo
    >>> zoo.fitzhugh_nagumo().reference["var_v"]
    1.9771
    """
    check_numbers(kT=kT)
    known = {"mean_v": -0.3138, "mean_w": 0.4827, "var_v": 1.9771, "cov": 0.2358, "var_w": 0.2948}
    return Exact(
        code="N5",
        name="fitzhugh_nagumo",
        title="FitzHugh-Nagumo neuron, noise on the fast variable",
        source="FitzHugh, Biophys. J. 1 (1961) 445",
        kT=kT,
        box=[(-3.6, 3.6), (-1.8, 2.8)],
        D=(1.0, 0.0),
        g=lambda v, w: fill(-(v - v**3 / 3 - w + 0.5), -0.08 * (v + 0.7 - 0.8 * w)),
        reference=known if kT == 0.1 else {},
    )
