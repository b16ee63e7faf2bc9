"""The result of an evolution."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from fokkerplanck.distributions.methods import DensityMethods
from fokkerplanck.domain import storage
from fokkerplanck.domain.arguments import describe, one_of, positive_number, whole_number
from fokkerplanck.domain.grid import Grid
from fokkerplanck.domain.observed_order import ErrorReport, mass_report
from fokkerplanck.domain.packing import Saved
from fokkerplanck.domain.read_only import ReadOnly
from fokkerplanck.domain.types import Array
from fokkerplanck.equation.repeated import Question, Repeatable
from fokkerplanck.evolution.coarser import value_report
from fokkerplanck.evolution.dense import Dense

#: What a run can end as.
STATUSES = ("finished", "stopped", "event", "interrupted", "failed")
#: Numbers kept at every output time.
LEDGER = ("mass", "free_energy", "entropy", "energy", "dissipation", "min_rho")


@dataclass(frozen=True, eq=False)
class Solution(Repeatable, Saved, DensityMethods):
    r"""Densities at the output times, and a ledger of what they are worth; all arrays read-only.

    ``solution[i]`` is the density at ``t[i]``; iterating gives pairs (t, rho).

    Attributes
    ----------
    t : array (n_t,)
    rho : array (n_t, \*shape)
        Densities, 1/volume.
    mass : array (n_t,)
    free_energy : array (n_t,)
        :math:`F=\beta^{-1}\mathrm{KL}(\rho\|\rho_\infty)\ge0`, in units of f; where it ends: Notes.
    entropy : array (n_t,)
        :math:`-\int\rho\log\rho\,dx`.
    energy : array (n_t,)
        :math:`\int\Phi\rho\,dx` with :math:`\Phi=-\beta^{-1}\log\rho_\infty`, least value 0: free
        energy = energy - kT entropy + constant.
    dissipation : array (n_t,)
        :math:`-dF/dt\ge0`, as a sum of positive terms; for the "markov" steady state alone.
    min_rho : array (n_t,)
        Least density.
    stats : mapping
        Method, seconds, and what the method reports about its work and its error.
    status : {"finished", "stopped", "event", "interrupted", "failed"}
    message : str
        The status in words.
    grid : Grid
    beta : float
    log_rho_inf : array (\*shape) or None
        Steady log density that free energy, energy and dissipation refer to. Where there is none
        (absorbing sides, ``steady=False``) these three are nan.
    dense : Dense or None
        Interpolation between the steps of the run, with ``solve(..., dense=True)``.
    t_events, rho_events : tuples of arrays (m,) and (m, \*shape)
        Times and densities of the roots of every event.
    centroids : array (d, \*shape) or None
        Mean places of the mass of the cells, where singular walls move them off the centres.
    error_estimate, error_report : array (n_t,), ErrorReport
        L1 error that the grid leaves at each output time, by two more runs when first asked for;
        of anything else by ``error_of``.

    Notes
    -----
    The densities relax to the null vector of the generator, ``steady_state(problem,
    scheme="markov")``. Against it, the default of ``solve``, F decreases at every step and decays
    to rounding. Another discretisation of the same steady state differs by its own error: against
    ``steady_state(problem)``, which is more accurate where there is a circulation, F levels off at
    the distance of the two, :math:`\beta^{-1}\mathrm{KL}(\rho_{markov}\|\rho_{auto})`, of fourth
    order in the cell width, may rise on its way there, and ``dissipation`` is not its rate.
    That level is no failure to relax, but an estimate of the error of the grid.

    Examples
    --------
    >>> import fokkerplanck as fp
    >>> grid = fp.Grid([(-4, 4)], 64)
    >>> problem = fp.Problem(grid, f=lambda x: x**2)
    >>> solution = fp.solve(problem, fp.gaussian(grid, 1, 0.2), [0, 1, 2])
    >>> solution
    Solution(3 times from 0 to 2, finished, free energy 1.16 to 0.00035, min rho >= 3.0...e-27)
    >>> [float(round(grid.integrate(grid.x[0] * rho), 3)) for t, rho in solution]
    [1.0, 0.137, 0.019]
    """

    t: Array
    rho: Array
    mass: Array
    free_energy: Array
    entropy: Array
    energy: Array
    dissipation: Array
    min_rho: Array
    stats: Mapping[str, Any]
    status: str
    message: str
    grid: Grid
    beta: float
    log_rho_inf: Array | None = None
    problem: str = field(default="", repr=False)
    dense: Dense | None = field(default=None, repr=False)
    t_events: tuple[Array, ...] = ()
    rho_events: tuple[Array, ...] = ()
    centroids: Array | None = field(default=None, repr=False)
    _asked: Question | None = field(default=None, repr=False)
    #: Whether the scheme moves values at cell centres, by a flux of high order, and not masses.
    _moves_values: bool = field(default=False, repr=False)

    @property
    def _cap(self) -> float:
        """Highest order that is believed of numbers: fluxes of high order reach three."""
        return 3.0 if self._moves_values else 2.0

    def __post_init__(self) -> None:
        values = [getattr(self, entry.name) for entry in fields(self)]
        values += [*self.t_events, *self.rho_events]
        if self.dense is not None:
            values += [self.dense.t, self.dense.rho, self.dense.rate]
        for value in values:
            if isinstance(value, np.ndarray):
                value.flags.writeable = False
        object.__setattr__(self, "stats", ReadOnly(self.stats))

    @property
    def _places(self) -> Array | None:
        """Means and moments are taken at the centroids."""
        return self.centroids

    def __len__(self) -> int:
        return len(self.t)

    def __getitem__(self, i: Any) -> Array:
        return self.rho[i]

    def __iter__(self) -> Iterator[tuple[float, Array]]:
        return zip(self.t.tolist(), self.rho, strict=True)

    @property
    def error_estimate(self) -> Array:
        r"""L1 error of the cell masses (n_t,) that the grid leaves, by observed order.

        From runs by the same method and tolerance on half and on a quarter as many cells along each
        axis, from ``rho[0]``, whose own error does not count. Linear fluxes of high order
        (``stats["scheme"]`` is not ``"markov"``) move values at cell centres: of these the error
        is then, :math:`\sum_i|\rho_i-\rho(x_i)|V_i`, and ``error_report`` says how much it matters
        if ``rho[0]`` was means over cells. The error in time is common to the three and no part of
        it. nan for problems given by arrays, for what was read
        from a file, and where a coarser run fails; ``error_report`` has the orders, and says why.

        Examples
        --------
        >>> import fokkerplanck as fp
        >>> grid = fp.Grid([(-5, 5)], 100)
        >>> problem = fp.Problem(grid, f=lambda x: x**2 / 2)
        >>> solution = fp.solve(problem, fp.gaussian(grid, 1, 0.3), [0, 0.5, 1])
        >>> exact = fp.gaussian(grid, 0.36787944, 1 - 0.7 * 0.13533528)
        >>> error = abs(solution.rho[-1] - exact).sum() * grid.volume
        >>> bool(0.3 < error / solution.error_estimate[-1] < 3)
        True
        """
        return np.asarray(self.error_report.value)

    @cached_property
    def error_report(self) -> ErrorReport:
        """``error_estimate`` with the orders it rests on, and what speaks against it."""
        three = self._three_grids
        if isinstance(three, str):
            return ErrorReport.missing(three, self.t.shape)
        grids, rho = [run.grid for run in three], [run.rho for run in three]
        report = value_report(rho, grids) if self._moves_values else None
        if report is not None:
            return report
        return mass_report([r * grid.volume for r, grid in zip(rho, grids, strict=True)], grids)

    def _unlike(self, other: Solution) -> str:
        """A run that did not get as far."""
        return "" if len(other) == len(self) else f"the run ended early: {other.message}"

    def at(self, t: ArrayLike) -> Array:
        r"""Density at any time of the run (\*shape), or densities at times (m,), by ``dense``.

        Positive, mass exact, fourth order in the steps of the run: see ``Dense``.

        Raises
        ------
        ValueError
            For times outside of the run, or a run without ``dense=True``.

        Examples
        --------
        >>> import fokkerplanck as fp
        >>> grid = fp.Grid([(0, 1)], 8)
        >>> fp.solve(fp.Problem(grid), fp.uniform(grid), [0, 1], dense=True).at([0.2, 0.4]).shape
        (2, 8)
        """
        if self.dense is None:
            raise ValueError("the run kept nothing between its output times; solve with dense=True")
        return self.dense(t)

    def __call__(self, t: ArrayLike) -> Array:
        """Return ``at(t)``."""
        return self.at(t)

    def animate(self, **options: Any) -> Any:
        r"""Film with slider and play button, for notebooks and as a page: ``plot.animate(self)``.

        Parameters
        ----------
        **options
            ``max_frames``, ``fps``, ``top``, ``title``, ``dpi`` of `plot.animate`.

        Returns
        -------
        plot.Animation
            With ``_repr_html_``, ``html()`` and ``save(path)``.

        Examples
        --------
        >>> import fokkerplanck as fp
        >>> grid = fp.Grid([(0, 1)], 8)
        >>> film = fp.solve(fp.Problem(grid), fp.uniform(grid), [0, 1, 2]).animate()
        >>> len(film), film.left_out
        (3, 0)
        """
        return import_module("fokkerplanck.plot").animate(self, **options)

    def save(self, path: str | Path) -> Path:
        """Write everything to one ``.npz`` file, whole or not at all; ``load`` reads it.

        Parameters
        ----------
        path : str or path
            Taken as it is.

        Returns
        -------
        Path

        Examples
        --------
        >>> import tempfile, pathlib
        >>> import fokkerplanck as fp
        >>> grid = fp.Grid([(0, 1)], 8)
        >>> solution = fp.solve(fp.Problem(grid), fp.uniform(grid), 1.0)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = solution.save(pathlib.Path(folder) / "run.npz")
        ...     fp.load(path).t
        array([0., 1.])
        """
        arrays, grid = storage.pack_grid(self.grid)
        arrays |= {name: getattr(self, name) for name in ("t", "rho", *LEDGER)}
        if self.log_rho_inf is not None:
            arrays["log_rho_inf"] = self.log_rho_inf
        if self.centroids is not None:
            arrays["centroids"] = self.centroids
        if self.dense is not None:
            arrays |= {f"dense_{name}": getattr(self.dense, name) for name in ("t", "rho", "rate")}
        for k, (t, rho) in enumerate(zip(self.t_events, self.rho_events, strict=True)):
            arrays |= {f"t_events_{k}": t, f"rho_events_{k}": rho}
        words = {name: getattr(self, name) for name in ("status", "message", "beta", "problem")}
        words["n_events"] = len(self.t_events)
        metadata = {"grid": grid, "stats": dict(self.stats), **words}
        return storage.write(path, "Solution", arrays, metadata)

    @classmethod
    def from_storage(cls, arrays: Mapping[str, Any], metadata: Mapping[str, Any]) -> Solution:
        """Solution from what ``save`` stored."""
        grid = storage.unpack_grid(arrays, metadata["grid"])
        words = _words(metadata)
        shape, has_failed = grid.shape, words["status"] == "failed"
        t = storage.stored_array(arrays, "t", (None,))
        if not (t.size and (np.diff(t) >= 0).all()):
            raise ValueError("t is empty or decreases")
        values: dict[str, Any] = {
            "t": t,
            "rho": storage.stored_array(arrays, "rho", (t.size, *shape), not has_failed),
        }
        for name in LEDGER:  # energies are nan where there is no steady state
            values[name] = storage.stored_array(arrays, name, (t.size,), False)
        if not has_failed and not np.isfinite([values["mass"], values["min_rho"]]).all():
            raise ValueError("mass or min_rho has entries that are not finite")
        log_rho_inf = None
        if "log_rho_inf" in arrays:
            log_rho_inf = storage.stored_array(arrays, "log_rho_inf", shape, False)
            if np.isnan(log_rho_inf).any() or log_rho_inf.max() == np.inf:
                raise ValueError("log_rho_inf is nan or infinite")
        centroids = None
        if "centroids" in arrays:
            centroids = storage.stored_array(arrays, "centroids", (grid.dim, *shape))
        # Files of version 0.1 have no events.
        events: list[list[Array]] = [[], []]
        for k in range(whole_number(metadata.get("n_events", 0), "n_events", 0)):
            times = storage.stored_array(arrays, f"t_events_{k}", (None,))
            events[0].append(times)
            shapes = (times.size, *shape)
            events[1].append(storage.stored_array(arrays, f"rho_events_{k}", shapes))
        return cls(
            **values,
            **words,
            grid=grid,
            log_rho_inf=log_rho_inf,
            dense=_dense(arrays, grid),
            t_events=tuple(events[0]),
            rho_events=tuple(events[1]),
            centroids=centroids,
        )

    def __repr__(self) -> str:
        """Times, status, free energy and least density."""
        F = ""
        if self.log_rho_inf is not None:
            F = f", free energy {self.free_energy[0]:.3g} to {self.free_energy[-1]:.3g}"
        return (
            f"Solution({len(self)} times from {self.t[0]:g} to {self.t[-1]:g}, {self.status}{F}, "
            f"min rho >= {self.min_rho.min():.3g})"
        )


def _dense(arrays: Mapping[str, Any], grid: Grid) -> Dense | None:
    """Densities between the output times, if a file has them."""
    if not any(name.startswith("dense_") for name in arrays):
        return None
    t = storage.stored_array(arrays, "dense_t", (None,))
    each = (t.size, *grid.shape)
    rho, rate = (storage.stored_array(arrays, f"dense_{name}", each) for name in ("rho", "rate"))
    return Dense(t=t, rho=rho, rate=rate, volume=np.asarray(grid.volume))


def _words(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """What a file says besides its arrays, checked."""
    words = {name: metadata[name] for name in ("stats", "status", "message", "beta", "problem")}
    one_of(words["status"], "status", STATUSES)
    for name, kind in (("stats", dict), ("message", str), ("problem", str)):
        if not isinstance(words[name], kind):
            raise ValueError(f"{name} is {describe(words[name])}")
    words["beta"] = positive_number(words["beta"], "beta")
    return words
