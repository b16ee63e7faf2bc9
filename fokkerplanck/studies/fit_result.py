"""Result of a fit: estimates, how sure they are, and profiles of the likelihood."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import brentq
from scipy.special import chdtri

from fokkerplanck.domain.arguments import finite_array, finite_number, frozen, one_of
from fokkerplanck.domain.notebook import InNotebooks
from fokkerplanck.domain.types import Array, Flags
from fokkerplanck.steady import SteadyState, steady_state
from fokkerplanck.studies.likelihood import Likelihood

#: Standard errors within which the end of an interval is looked for.
FARTHEST = 12.0
#: Standard errors to each side that a profile shows, and how many values.
SHOWN, VALUES = 3.0, 13


@dataclass(frozen=True, eq=False)
class Profile:
    """Largest log-likelihood for given values of one parameter.

    Attributes
    ----------
    name : str
    values, log_likelihood : arrays (m,)
    estimate, best : float
        Where the likelihood is largest, and its logarithm there.
    """

    name: str
    values: Array
    log_likelihood: Array
    estimate: float
    best: float


@dataclass(frozen=True, eq=False)
class Fit(InNotebooks):
    r"""Maximum-likelihood estimates of the parameters of a steady state.

    Attributes
    ----------
    parameters, standard_errors : dict of float
        inf where the data do not tell a parameter.
    covariance : array (k, k)
        Inverse of Fisher's information, parameters in the order of ``parameters``.
    log_likelihood : float
        :math:`\sum_s\log\rho_{ss}(x_s)`, in nats.
    information : array (k, k)
    success : bool
        Whether the search converged and every parameter is identifiable.
    message : str
        What came of the search, parameters at bounds, and what cannot be told, in words.
    evaluations : int
        Steady states that were computed.
    state : SteadyState
        At the estimates, by the ``"markov"`` scheme.

    Examples
    --------
    >>> import fokkerplanck as fp
    >>> import numpy as np
    >>> grid = fp.Grid([(-8, 8)], 160)
    >>> def build(mean, kT):
    ...     return fp.Problem(grid, f=lambda x: (x - mean) ** 2 / 2, kT=kT)
    >>> data = np.random.default_rng(1).normal(0.5, 1.2, 1000)
    >>> fit = fp.fit(build, {"mean": 0.0, "kT": 1.0}, data)
    >>> bool(abs(fit.parameters["mean"] - data.mean()) < 1e-6)
    True
    """

    parameters: Mapping[str, float]
    standard_errors: Mapping[str, float]
    covariance: Array
    log_likelihood: float
    information: Array
    success: bool
    message: str
    evaluations: int
    _likelihood: Likelihood = field(repr=False)
    #: Largest likelihood with some parameters held: (start, held) -> (values, log-likelihood).
    _search: Callable[[Array, Flags], tuple[Array, float]] = field(repr=False)

    @cached_property
    def state(self) -> SteadyState:
        """Steady state at the estimates."""
        return steady_state(self._likelihood.problem(self._theta), scheme="markov")

    @property
    def _theta(self) -> Array:
        """Estimates (k,)."""
        return np.array(list(self.parameters.values()))

    def profile(self, name: str, values: ArrayLike | None = None) -> Profile:
        """Largest log-likelihood at values of one parameter, over all the others.

        Parameters
        ----------
        name : str
        values : array (m,), optional
            By default thirteen within three standard errors.
        """
        k, error = self._known(name)
        lower, upper = self._likelihood.lower[k], self._likelihood.upper[k]
        if values is None:
            steps = np.linspace(-SHOWN, SHOWN, VALUES) * error
            at = np.unique(np.clip(self._theta[k] + steps, lower, upper))
        else:
            at = np.atleast_1d(finite_array(values, "values", "finite values of the parameter"))
            if at.ndim != 1 or at.min() < lower or at.max() > upper:
                raise ValueError(
                    f"values of {name} have shape {at.shape} and reach from {at.min():g} to "
                    f"{at.max():g}; give numbers within its bounds {lower:g} and {upper:g}"
                )
        best = np.array([self._held(k, value) for value in at])
        estimate = float(self._theta[k])
        return Profile(name, frozen(at), frozen(best), estimate, self.log_likelihood)

    def interval(self, name: str, level: float = 0.95) -> tuple[float, float]:
        r"""Interval of a parameter where :math:`2(\ell_{max}-\ell_{profile})` is below a quantile.

        Of chi squared with one degree of freedom, Wilks's theorem. An end that is a bound is said
        to be there: within it the likelihood does not fall as far.

        Parameters
        ----------
        name : str
        level : float
            Confidence, between 0 and 1.
        """
        k, error = self._known(name)
        level = finite_number(level, "level")
        if not 0 < level < 1:
            raise ValueError(f"level is {level:g}; give a number between 0 and 1")
        drop, centre = float(chdtri(1, 1 - level)), float(self._theta[k])

        def excess(value: float) -> float:
            return 2 * (self.log_likelihood - self._held(k, value)) - drop

        ends = []
        for sign, bound in ((-1, self._likelihood.lower[k]), (1, self._likelihood.upper[k])):
            step, far = 1.2 * np.sqrt(drop), centre
            while step <= FARTHEST:
                far = float(np.clip(centre + sign * step * error, *sorted((centre, bound))))
                if far == bound or excess(far) > 0:
                    break
                step *= 1.5
            if far == bound and (far == centre or excess(far) <= 0):
                ends.append(far)
            elif step > FARTHEST:
                raise ValueError(
                    f"the likelihood hardly falls within {FARTHEST:g} standard errors of {name}; "
                    "look at profile(...), or ask for a lower level"
                )
            else:
                ends.append(float(brentq(excess, centre, far, xtol=1e-4 * error)))
        return ends[0], ends[1]

    def _known(self, name: str) -> tuple[int, float]:
        """Number of a parameter and its standard error, which has to be finite."""
        one_of(name, "name", tuple(self.parameters))
        error = self.standard_errors[name]
        if not np.isfinite(error):
            raise ValueError(f"{name} has no interval: {self.message}")
        return list(self.parameters).index(name), error

    def _held(self, k: int, value: float) -> float:
        """Largest log-likelihood with one parameter held."""
        start, held = self._theta, np.zeros(len(self.parameters), bool)
        held[k] = True
        error = self.standard_errors[list(self.parameters)[k]]
        # The others follow along the ridge of the likelihood, to first order.
        if np.isfinite(self.covariance[:, k]).all():
            start = start + self.covariance[:, k] / error**2 * (value - start[k])
        start[k] = value
        start = np.clip(start, self._likelihood.lower, self._likelihood.upper)
        return self._search(start, held)[1]

    def __repr__(self) -> str:
        """Estimates with their errors."""
        told = ", ".join(
            f"{name} = {value:.6g} ± {self.standard_errors[name]:.2g}"
            for name, value in self.parameters.items()
        )
        return f"Fit({told}; log-likelihood {self.log_likelihood:.6g}; {self.message})"
