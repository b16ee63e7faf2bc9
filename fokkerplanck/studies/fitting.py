"""Parameters of a problem from samples of its steady state, by maximum likelihood."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from scipy.optimize import minimize

from fokkerplanck.domain.arguments import describe, finite_number, frozen
from fokkerplanck.domain.types import Array, Flags
from fokkerplanck.equation.problem import Problem
from fokkerplanck.studies.fit_result import Fit
from fokkerplanck.studies.information import Information
from fokkerplanck.studies.likelihood import Likelihood
from fokkerplanck.studies.points import check_function
from fokkerplanck.studies.weights import Weights

#: Gradient per sample, in standard deviations of one sample, at which the search has converged.
CONVERGED = 1e-6
#: What the search is asked for.
GOAL = 1e-9
#: Smallest and largest unit of the search, in sizes of a parameter.
UNITS = (0.01, 1.0)


@dataclass(eq=False)
class _Search:
    """Largest likelihood over the parameters that are not held, by L-BFGS-B in fitting units."""

    likelihood: Likelihood
    units: Array
    evaluations: int = 0
    slope: float = field(default=np.inf)

    def __call__(self, start: Array, held: Flags) -> tuple[Array, float]:
        """Values and log-likelihood; ``slope`` is what is left of the gradient."""
        like, units, free = self.likelihood, self.units[~held], ~held
        n = like.data.total
        if not free.any():
            self.evaluations += 1
            return start, like.value(like.at(start))

        def objective(z: Array) -> tuple[float, Array]:
            theta = np.array(start)
            theta[free] = np.clip(z * units, like.lower[free], like.upper[free])
            self.evaluations += 1
            state = like.at(theta)
            return -like.value(state) / n, -like.gradient(theta, state)[free] * units / n

        bounds = list(zip(like.lower[free] / units, like.upper[free] / units, strict=True))
        given = {"jac": True, "bounds": bounds, "method": "L-BFGS-B"}
        options = {"maxiter": 300, "ftol": 1e-15, "gtol": GOAL}
        result = minimize(objective, start[free] / units, options=options, **given)
        theta = np.array(start)
        theta[free] = np.clip(result.x * units, like.lower[free], like.upper[free])
        # At a bound only what leads back inside counts.
        inner = np.clip(result.x - result.jac, *np.transpose(bounds)) - result.x
        self.slope = float(np.abs(inner).max())
        return theta, -float(result.fun) * n


def fit(
    build: Callable[..., Problem],
    parameters: Mapping[str, float],
    data: Any,
    *,
    bounds: Mapping[str, tuple[float | None, float | None]] | None = None,
    kind: str = "samples",
) -> Fit:
    r"""Parameters under whose steady state the data are most likely: :math:`\max\sum\log\rho_{ss}`.

    Parameters
    ----------
    build : callable
        ``build(**parameters)`` -> Problem, on one grid for all values and smooth in them.
    parameters : dict of float
        Where the search starts; sizes of the parameters are taken from here.
    data : array (m, d), or (m,) on a line; counts (\*shape) with ``kind="counts"``
        Independent samples, or a histogram over the cells.
    bounds : dict of (lower, upper), optional
        For some of the parameters; None for no bound.
    kind : {"samples", "counts"}

    Returns
    -------
    Fit

    Raises
    ------
    ValueError
        If the problem cannot be built at values that the search tries: give bounds; if samples lie
        outside of the box; or if an argument is wrong.
    ConvergenceError
        If data lie where the steady state underflows.

    Notes
    -----
    The steady state is that of the Markov scheme, and ``state.error_estimate`` says how far off the
    density is that the estimates rest on. Between cells log rho is a cubic. The gradient takes one
    adjoint solve (`studies.likelihood`), the search is scipy's L-BFGS-B, the standard errors are
    those of Fisher's information, sums over cells of products of scores: right for independent
    samples.
    Whether the grid or the data tell of a parameter is found on half as many cells.

    Examples
    --------
    A double well with a tilt, of which the density alone is known.

    >>> import fokkerplanck as fp
    >>> import numpy as np
    >>> grid = fp.Grid([(-2.5, 2.5)], 100)
    >>> def build(tilt):
    ...     return fp.Problem(grid, f=lambda x: (x**2 - 1) ** 2 / 4 + tilt * x, kT=0.2)
    >>> rho = fp.steady_state(build(0.05)).rho
    >>> fit = fp.fit(build, {"tilt": 0.0}, 1000 * rho * grid.volume, kind="counts")
    >>> round(fit.parameters["tilt"], 6)
    0.05
    """
    names, start = _start(parameters)
    check_function(build, "build", names, "a Problem")
    lower, upper = _bounds(names, start, bounds)
    point = dict(zip(names, start.tolist(), strict=True))
    first = build(**point)
    if not isinstance(first, Problem):
        raise ValueError(f"build returned {describe(first)}; return a Problem")
    sizes = np.where(start != 0, np.abs(start), 1.0)
    weights = Weights.of(data, kind, first)
    like = Likelihood(build, names, sizes, lower, upper, weights, first.grid)
    search = _Search(like, _units(like, start))
    theta, best = search(start, np.zeros(start.size, bool))
    state = like.at(theta)
    known = Information.of(like, theta, state)
    covariance = known.covariance(np.maximum(sizes, np.abs(theta)))
    errors = np.sqrt(np.diag(covariance))
    words = [f"converged in {search.evaluations} steady states"]
    if not search.slope < CONVERGED:
        words = [f"the search stopped at a slope of {search.slope:.1e} a sample; start nearer"]
    at_bound = [n for n, x, a, b in zip(names, theta, lower, upper, strict=True) if x in (a, b)]
    if at_bound:
        words.append(f"{' and '.join(at_bound)} at a bound, where standard errors mean little")
    if known.message:
        words.append(known.message)
    return Fit(
        dict(zip(names, theta.tolist(), strict=True)),
        dict(zip(names, errors.tolist(), strict=True)),
        frozen(covariance),
        best,
        frozen(known.matrix),
        bool(search.slope < CONVERGED) and not len(known.blind),
        "; ".join(words),
        search.evaluations,
        like,
        search,
    )


def _start(parameters: Any) -> tuple[tuple[str, ...], Array]:
    """Names and starting values."""
    if not isinstance(parameters, Mapping) or not parameters:
        raise ValueError(
            f'parameters is {describe(parameters)}; give a dict of starting values, e.g. {{"k": 1}}'
        )
    for name in parameters:
        if not isinstance(name, str) or not name.isidentifier():
            raise ValueError(f"parameters has the name {describe(name)}; give arguments of build")
    values = [finite_number(u, f"parameters[{name!r}]") for name, u in parameters.items()]
    return tuple(parameters), np.array(values)


def _bounds(names: tuple[str, ...], start: Array, given: Any) -> tuple[Array, Array]:
    """Lower and upper bounds (k,), infinite where there is none."""
    lower, upper = np.full(len(names), -np.inf), np.full(len(names), np.inf)
    if given is None:
        return lower, upper
    if not isinstance(given, Mapping) or not set(given) <= set(names):
        told = describe(given) if not isinstance(given, Mapping) else f"for {', '.join(given)}"
        raise ValueError(f"bounds is {told}; give a dict of (lower, upper) for {', '.join(names)}")
    for name, pair in given.items():
        k = names.index(name)
        if not isinstance(pair, (tuple, list)) or len(pair) != 2:
            raise ValueError(f"bounds[{name!r}] is {describe(pair)}; give (lower, upper)")
        for side, u in zip((lower, upper), pair, strict=True):
            if u is not None:
                side[k] = finite_number(u, f"a bound of {name}", "a finite number or None")
        if not lower[k] <= start[k] <= upper[k] or lower[k] == upper[k]:
            raise ValueError(
                f"{name} starts at {start[k]:g} and is bound to ({lower[k]:g}, {upper[k]:g}); "
                "start within lower < upper"
            )
    return lower, upper


def _units(like: Likelihood, start: Array) -> Array:
    """Units of the search (k,): standard deviations by one sample, within sizes of parameters."""
    state = like.at(start)
    like.value(state)  # says where data lie too far out
    scores = like.scores(start, state, lambda problem: problem)
    information = (scores**2 * state.mass).sum(axis=1)
    low, high = UNITS[0] * like.sizes, UNITS[1] * like.sizes
    with np.errstate(divide="ignore"):
        return np.asarray(np.clip(1 / np.sqrt(information), low, high))
