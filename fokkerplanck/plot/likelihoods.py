"""Pictures of fits: profiles of the likelihood."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.lines import Line2D

from fokkerplanck.plot.axes import Place, check_result, current_axes
from fokkerplanck.studies import Profile

#: Twice the fall of the log-likelihood at the ends of an interval of 95 %.
INTERVAL = 3.841


def likelihood(profile: Profile, ax: Place = None, **style: Any) -> Line2D:
    r"""Profile :math:`2(\ell_{profile}-\ell_{max})` of a parameter, with the level of 95 %.

    Parameters
    ----------
    profile : Profile
        Of ``fit.profile(name)``.
    ax : matplotlib Axes, optional
        Default: the current ones.
    **style
        For ``Axes.plot``.

    Returns
    -------
    matplotlib Line2D

    Examples
    --------
    >>> import fokkerplanck as fp
    >>> from fokkerplanck import plot
    >>> grid = fp.Grid([(-4, 4)], 60)
    >>> def build(k):
    ...     return fp.Problem(grid, f=lambda x: k * x**2 / 2)
    >>> counts = 500 * fp.steady_state(build(1.5)).rho * grid.volume
    >>> fit = fp.fit(build, {"k": 1.0}, counts, kind="counts")
    >>> line = plot.likelihood(fit.profile("k"))
    """
    check_result(profile, "profile", "fit.profile(name)", "values", "log_likelihood", "estimate")
    axes = current_axes(ax)
    fall = 2 * (profile.log_likelihood - profile.best)
    (line,) = axes.plot(profile.values, fall, **style)
    axes.axhline(-INTERVAL, color="0.6", linewidth=0.8)
    axes.axvline(profile.estimate, color="0.6", linewidth=0.8)
    axes.set_ylim(min(float(np.min(fall)), -INTERVAL) * 1.05, 0.2)
    axes.set(xlabel=profile.name, ylabel="twice the log-likelihood, below its maximum")
    return line
