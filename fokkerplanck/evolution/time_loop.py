"""Evolution of a density: the only time loop."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from functools import partial
from numbers import Real
from pathlib import Path
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from fokkerplanck import observables
from fokkerplanck.domain.arguments import describe, positive_number, real_array, true_or_false
from fokkerplanck.domain.densities import check_density
from fokkerplanck.domain.grid import Grid
from fokkerplanck.domain.progress import Bar
from fokkerplanck.domain.types import Array
from fokkerplanck.equation.problem import Problem
from fokkerplanck.equation.repeated import Question
from fokkerplanck.errors import ConvergenceError
from fokkerplanck.evolution.checkpoints import Asked, Keeper, check_every, restore
from fokkerplanck.evolution.coarser import coarser_start
from fokkerplanck.evolution.events import Event, Finished, Watch, check_events
from fokkerplanck.evolution.first_schema import LEDGER
from fokkerplanck.evolution.solution import Solution
from fokkerplanck.evolution.transport import (
    FluxRates,
    Transport,
    flux_reference,
    normal_log,
)
from fokkerplanck.linalg.memory import check_memory
from fokkerplanck.methods.exponential import Exponential
from fokkerplanck.methods.method import Context, Method
from fokkerplanck.scheme.generator import Generator
from fokkerplanck.steady import SteadyState, steady_state
from fokkerplanck.steady.markov import reached_cells

#: What may be called after every output time.
Callback: TypeAlias = Callable[[float, Array], object]

# Rate of change of a density, over its exchange, up to which the generator is taken to keep it.
STATIONARY = 1e-9


def solve(
    problem: Problem | Generator,
    rho0: ArrayLike,
    t: ArrayLike,
    method: Method | None = None,
    *,
    scheme: str = "auto",
    rtol: float | None = None,
    atol: float | None = None,
    callback: Callback | None = None,
    progress: Any = None,
    steady: SteadyState | ArrayLike | Literal[False] | None = None,
    throw: bool = True,
    dense: bool = False,
    events: Event | Sequence[Event] | None = None,
    checkpoint: str | Path | None = None,
    every: float = 60.0,
) -> Solution:
    r"""Evolve a density by :math:`\rho_t=\nabla\cdot(g\rho+\beta^{-1}\nabla\cdot(D\rho))`.

    Parameters
    ----------
    problem : Problem or Generator
        A Generator at hand spares making it again.
    rho0 : array (\*shape)
        Density at the first time: >= 0, of integral 1 to 1e-8 (then divided by its integral).
        Where sides absorb, of any integral in (0, 1]: what is left, of an earlier run for example.
    t : array (n_t,) or number
        Increasing output times; ``t[0]`` is the time of rho0. A number T > 0 means [0, T].
    method : Method, default Exponential()
    scheme : {"auto", "markov", "upwind5", "well_balanced", "phase_space"}
        ``"markov"``: the Markov generator of the problem, with all that is promised below; where
        the drift crosses cells faster than the noise, upwinding adds noise of its own.
        ``"upwind5"``: the linear fifth-order flux, for Exponential and FluxCorrected: mass exact,
        errors of the size :math:`|b|h^5\partial^6`, no H-theorem; where it makes more than 1e-6 of
        the mass negative, an interval is gone through by FluxCorrected, which
        ``stats["scheme_reason"]`` tells. ``"well_balanced"``, for ``Problem.langevin`` and
        Exponential: the same flux of what the density has beyond Maxwell-Boltzmann, so that this
        stays, and is what everything relaxes to, to rounding. ``"phase_space"``:
        ``PhaseSpaceFlux``, for such problems too, of second order. ``"auto"``: the generator, and a
        linear flux (the well-balanced one of ``Problem.langevin``) where drift goes along
        directions without noise, or from the first output time on at which upwinding would add
        more than a fiftieth to the noise on a grid of 64 cells along each axis (``ChainError``),
        if no method and no Generator was given and the edge list is not in detailed balance. That
        does not depend on the grid, so that finer grids are better ones. What upwinding adds on the
        grid at hand, R, is ``stats["numerical_diffusion"]``; the message of a run on the generator
        says so where it exceeds a fiftieth.
    rtol, atol : float, optional
        L1 error in time allowed over the whole run, for methods that control it, over the mass of
        rho0. That is 1 as a rule, so relative and absolute error are the same: the tolerance is
        their sum, one of them is enough.
        Neither: the method's own. Says nothing of the error of the grid.
    callback : callable, optional
        ``callback(t, rho)`` after every output time, the first included, rho read-only. Returning
        True ends the run with status "stopped", anything else goes on.
    progress : None, bool, tqdm or tqdm-like, optional
        None: a bar on a terminal if the run takes longer than a second. True: a bar, with the time
        that is left, from the start. A class like ``tqdm`` is called with ``total=``, an object has
        its ``update`` called with the time passed.
    steady : optional
        Steady state that free energy, energy and dissipation refer to: a SteadyState, a log density
        (\*shape), None for ``steady_state(problem, scheme="markov")``, or False for none. None is
        the state that the generator relaxes to: F falls to rounding. On the upwind flux it is the
        state of that flux: F levels off at the error of its tails, and may rise; dissipation is
        nan. Against a state of the "log"
        scheme F levels off at the distance of the two schemes; see the Notes of Solution.
    throw : bool, default True
        False: a method that fails ends the run with status "failed" in place of an exception.
    dense : bool, default False
        Keep density and rate at every step for ``Solution.at``: see ``Solution.dense``. Steps are
        the method's own for Implicit, BackwardEuler and FluxCorrected, the output intervals for
        Exponential and for methods that do not say.
    events : callable or list of callables, optional
        ``event(t, rho)``, a number, whose roots are sought, rho read-only. With ``event.terminal =
        True`` the first root ends the run with status "event" and is the last output time,
        ``event.direction = 1`` (-1) takes rising (falling) roots alone. A change of sign is seen
        between two steps as above (two roots within one are not seen), and its time located to
        1e-10 of the step, by steps of the method that end there.
    checkpoint : str or path, optional
        New or empty folder: every density is written to a file in it when it is reached, and
        ``resume(folder, problem)`` goes on with a run that was ended in whatever way, to the same
        numbers bit by bit. ``Solution.rho`` then reads densities from their files when they are
        asked for. Not with ``dense=True``.
    every : float, default 60
        Seconds between checkpoints, at least: about what a sudden end costs. They are made at
        output times; 0 makes one at each.

    Returns
    -------
    Solution

    Raises
    ------
    ValueError
        For every argument that does not fit; the message says what came and what to give.
    ConvergenceError
        If the method fails, with ``throw=True``; ``iterate`` holds the last density.
    MemoryError
        If the densities at all output times will not fit, without ``checkpoint``.
    OSError
        If the disk takes no more; ``resume`` goes on when there is room.

    Notes
    -----
    Ctrl-C ends a run with status "interrupted": the Solution holds everything up to the last output
    time that was reached, and so does the folder ``checkpoint``. A run that will write more than
    1 GB there says how much, and about how long that takes, in a RuntimeWarning.
    With absorbing sides mass decays, there is no steady state, and free energy, energy and
    dissipation are nan. Where cells are left for good the steady state has no mass there:
    free energy and energy are infinite, and dissipation nan, as long as the density has some.
    ``stats["walls"]`` says what walls do at which D vanishes or the drift is singular; there the
    density is a mean over the cell.

    Examples
    --------
    >>> import fokkerplanck as fp
    >>> grid = fp.Grid([(-4, 4), (-4, 4)], 32)
    >>> problem = fp.Problem(grid, drift=lambda x, y: (-x + 2 * y, -y - 2 * x))
    >>> solution = fp.solve(problem, fp.gaussian(grid, (1, 0), 0.2), [0, 0.5, 1, 2])
    >>> bool((solution.free_energy[1:] < solution.free_energy[:-1]).all())
    True
    >>> bool(abs(solution.mass - 1).max() < 1e-14)
    True
    """
    grid = Generator.problem_of(problem, "solve").grid
    times = check_times(t)
    given, method = method, _check_method(method)
    tolerance = check_tolerance(rtol, atol, method)
    if callback is not None and not callable(callback):
        raise ValueError(f"callback is {type(callback).__name__}; give a function callback(t, rho)")
    dense = true_or_false(dense, "dense")
    watched = check_events(events)
    every = check_every(every, checkpoint)
    start = check_density(rho0, grid, "rho0", is_rest=grid.has_absorbing_sides)
    mass = float(grid.integrate(start))
    start = start / mass if abs(mass - 1) <= 1e-8 else start
    with time_bar(progress, times) as bar, _place(checkpoint, every, dense, times, grid) as keeper:
        generator = Generator.of(problem, "solve")
        is_free = given is None and not isinstance(problem, Generator)
        transport = Transport(generator, method, scheme, is_free)
        if keeper is not None:
            asked = Asked(scheme, rtol, atol, is_free, len(watched))
            keeper.begin(times, method, generator, start, asked)
        if transport.feels_too_much(start):
            transport.change()
        watch = Watch(rates_of(generator, transport), watched, dense)
        log_inf = _steady_log(generator, steady, transport)
        run = Run(generator, transport, steady, log_inf, times, watch, callback, bar, keeper)
        failure = run.advance(start, tolerance)
        if failure is not None and throw:
            raise failure
        return run.solution(start, rtol, atol)


def time_bar(progress: Any, times: Array) -> Bar:
    """Bar for the time between the first and the last output."""
    return Bar(progress, "solve", total=float(times[-1] - times[0]))


def _place(
    checkpoint: Any, every: float, dense: bool, times: Array, grid: Grid
) -> AbstractContextManager[Keeper | None]:
    """Where the densities go: None for memory, if there is enough of it."""
    if checkpoint is not None:
        return Keeper.new(checkpoint, every, dense)
    advice = (
        "give fewer output times, a callback for what is to be seen between them, or checkpoint=, "
        "a folder for them"
    )
    check_memory(8.0 * times.size * grid.size, f"{times.size} densities in solve", advice)
    return nullcontext()


def question(generator: Generator, start: Array, **words: Any) -> Question | None:
    """Run that a result was found by, for other grids: as far as it got, without events."""
    again = partial(_solve_coarser, start=start, fine=generator.grid, **words)
    return Question.of(generator.problem, again)


def _solve_coarser(
    problem: Problem, start: Array, fine: Grid, t: Array, by_values: bool, **words: Any
) -> Solution:
    """Run on a coarser grid from the start on a finer one, to the same times."""
    start = coarser_start(start, fine, problem.grid, by_values)
    return solve(problem, start, t, progress=False, **words)


@dataclass(eq=False)
class Run:
    """Outputs and ledger of one run, which a keeper puts down in files if there is one."""

    generator: Generator
    transport: Transport
    steady: Any
    log_inf: Array | None
    times: Array
    watch: Watch
    callback: Callback | None
    bar: Bar
    keeper: Keeper | None = None
    before: float = 0.0  # seconds spent before an interruption
    n: int = 0  # output times reached
    status: str = "finished"
    message: str = "all output times were reached"
    report: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.problem = Generator.problem_of(self.generator, "solve")
        self.rho: Any = self.keeper
        if self.keeper is None:
            self.rho = np.empty((self.times.size, *self.generator.grid.shape))
        self.ledger = {name: np.full(self.times.size, np.nan) for name in LEDGER}
        self.began = time.perf_counter()

    def advance(
        self, rho0: Array, tolerance: float | None, saved: dict[str, Any] | None = None
    ) -> Exception | None:
        """Run through the output times, or those left after what a keeper had saved.

        Returns the exception of a method that failed, or None.
        """
        grid, times, volume = self.generator.grid, self.times, self.generator.grid.volumes
        context, method = self.context(tolerance), self.transport.method
        state, failure = None, None
        try:
            stop = saved is None and self.output(rho0)
            p = (rho0 * volume).ravel() if saved is None else saved["p"]
            state = method.init(self.generator, context)
            if saved is not None:
                restore(self, saved, method, state, context)
            self.watch.follow(method, state, context)
            self.watch.see(times[self.n - 1], p)
            state = self.keep(state, p, context)
            while not stop and self.n < times.size:
                span = times[self.n] - times[self.n - 1]
                q = _check_masses(method.step(state, p, span), grid, method)
                if self.transport.feels_too_much(q / volume.ravel()):
                    context, method = self.context(tolerance), self.change()
                    state = method.init(self.generator, context)
                    self.watch.change(
                        rates_of(self.generator, self.transport), method, state, context
                    )
                    q = _check_masses(method.step(state, p, span), grid, method)
                p = q
                self.watch.see(times[self.n], p)
                stop = self.output(p.reshape(grid.shape) / volume)
                state = self.keep(state, p, context)
            if stop:
                self.status = "stopped"
                self.message = f"callback returned True at t = {self.last:g}"
        except Finished as event:
            self.times[self.n] = event.t
            self.output(event.p.reshape(grid.shape) / volume)
            self.status = "event"
            self.message = f"events[{event.index}] at t = {event.t:g} ended the run"
        except KeyboardInterrupt:
            self.status = "interrupted"
            self.message = f"interrupted after t = {self.last:g}; everything up to it is here"
            if self.keeper is not None:
                self.message += f", and {self.keeper.advice}"
            if not self.n:
                raise
        except (ConvergenceError, FloatingPointError) as error:
            self.status, self.message = "failed", f"{error} (after t = {self.last:g})"
            failure = ConvergenceError(self.message, self.rho[self.n - 1].copy())
            failure.__cause__ = error
        if state is not None:
            report, recorded = method.report(state), context.record.values
            self.report = report | {k: v for k, v in recorded.items() if k not in report}
        return failure

    def keep(self, state: Any, p: Array, context: Context) -> Any:
        """Let the keeper know where the run is; returns the state to go on with."""
        return state if self.keeper is None else self.keeper.keep(self, state, p, context)

    def change(self) -> Method:
        """Go over to the upwind flux, with the outputs so far measured against its steady state."""
        method = self.transport.change()
        self.ledger = {name: values.copy() for name, values in self.ledger.items()}
        if self.steady is None:  # else it was given
            self.log_inf = _steady_log(self.generator, None, self.transport)
        for k in range(self.n):
            self.measure(k)
        return method

    def context(self, tolerance: float | None) -> Context:
        """What the method may know and tell."""
        return Context(
            duration=float(self.times[-1] - self.times[0]),
            tolerance=tolerance,
            log_rho_inf=self.log_inf if _is_kept(self.generator, self.log_inf) else None,
            on_tick=self.tick,
            on_observe=self.observe if self.watch.active else None,
        )

    def observe(self, elapsed: float, p: Array) -> None:
        """Take a step of a method's own within the present interval."""
        t = self.times[self.n - 1] + elapsed
        if t < self.times[self.n]:
            self.watch.see(t, _check_masses(p, self.generator.grid, "the method"))

    @property
    def last(self) -> float:
        """Last output time reached."""
        return float(self.times[max(self.n - 1, 0)])

    def output(self, rho: Array) -> bool:
        """Keep a density with its ledger; whether the callback wants to stop."""
        k = self.n
        self.rho[k] = rho
        self.measure(k)
        self.n = k + 1
        self.bar.at(self.times[k] - self.times[0])
        if self.callback is None:
            return False
        shown = self.rho[k].view()
        shown.flags.writeable = False
        answer = self.callback(float(self.times[k]), shown)
        return isinstance(answer, (bool, np.bool_)) and bool(answer)

    def measure(self, k: int) -> None:
        """Ledger of an output."""
        rho, grid, log_inf = self.rho[k], self.generator.grid, self.log_inf
        self.ledger["mass"][k] = grid.integrate(rho)
        self.ledger["min_rho"][k] = rho.min()
        self.ledger["entropy"][k] = observables.entropy(rho, grid) if rho.min() >= 0 else np.nan
        if log_inf is not None:
            beta = self.problem.beta
            Phi = (log_inf.max() - log_inf) / beta
            self.ledger["free_energy"][k] = np.nan
            if rho.min() >= 0:
                self.ledger["free_energy"][k] = observables.free_energy(rho, log_inf, grid, beta)
            self.ledger["energy"][k] = observables.energy(rho, Phi, grid)
            self.ledger["dissipation"][k] = np.nan
            is_finite = np.isfinite(self.ledger["free_energy"][k])
            if rho.min() >= 0 and is_finite and not self.transport.is_linear:
                spent = observables.dissipation(rho, log_inf, self.generator, beta)
                self.ledger["dissipation"][k] = spent

    @property
    def empty(self) -> str:
        """What a user has to know of cells that carry no steady mass; "" for nothing."""
        count = 0 if self.log_inf is None else np.count_nonzero(np.isneginf(self.log_inf))
        if not count or not np.isinf(self.ledger["free_energy"][: self.n]).any():
            return ""
        return (
            f"{count} cells carry no steady mass, and free energy is infinite while they hold any"
        )

    def tick(self, fraction: float) -> None:
        """Show the part of the present interval that is done."""
        before, after = self.times[self.n - 1], self.times[self.n]
        done = before + min(float(fraction), 1.0) * (after - before)
        self.bar.at(done - self.times[0])

    def densities(self, n: int) -> Any:
        """First n densities: an array, or what reads them from their files."""
        if self.keeper is not None:
            return self.keeper.folder.frames(n)
        return self.rho if n == len(self.rho) else self.rho[:n].copy()

    def solution(self, start: Array, rtol: float | None, atol: float | None) -> Solution:
        """Everything up to the last output time; the keeper is told."""
        again: dict[str, Any] = {
            "t": self.times[: self.n].copy(),
            "method": self.transport.asked_method,
            "scheme": self.transport.scheme_again,
            "by_values": self.transport.moves_values,
            "rtol": rtol,
            "atol": atol,
            "steady": False if self.log_inf is None else None,
        }
        found = self.found(question(self.generator, start, **again))
        if self.keeper is not None:
            self.keeper.finish(found, self.transport.scheme_again)
        return found

    def found(self, asked: Question | None) -> Solution:
        """Solution of what was reached."""
        n, method, words = self.n, self.transport.method, self.transport.words
        seconds = self.before + time.perf_counter() - self.began
        edges = self.generator.edges
        ledger: dict[str, Any] = {name: values[:n].copy() for name, values in self.ledger.items()}
        return Solution(
            t=self.times[:n].copy(),
            rho=self.densities(n),
            **ledger,
            stats={"method": repr(method), "seconds": seconds, **self.report}
            | self.transport.stats(self.report)
            | ({"walls": edges.note} if edges.note else {}),
            status=self.status,
            message="; ".join(filter(None, (self.message, words, self.empty))),
            grid=self.generator.grid,
            beta=self.problem.beta,
            log_rho_inf=self.log_inf,
            problem_repr=repr(self.problem),
            dense=self.watch.dense_output(),
            t_events=self.watch.times(),
            rho_events=self.watch.densities(),
            _asked=asked,
            _moves_values=self.transport.moves_values,
            centroids=edges.centroids if edges.knows_walls else None,
        )


def check_times(t: ArrayLike) -> Array:
    """Increasing finite output times."""
    times = np.array(real_array(t, "t", "increasing output times, e.g. [0, 1, 2]"))
    if times.ndim == 0:
        return np.array([0.0, positive_number(times, "t")])
    if times.ndim != 1 or times.size == 0:
        raise ValueError(f"t has shape {times.shape}; give a one-dimensional array of output times")
    if not np.all(np.isfinite(times)):
        k = int(np.argmin(np.isfinite(times)))
        raise ValueError(f"t[{k}] = {times[k]} is not finite; give finite times")
    if not np.all(np.diff(times) > 0):
        k = int(np.argmin(np.diff(times) > 0))
        raise ValueError(
            f"t does not increase: t[{k}] = {times[k]:g}, t[{k + 1}] = {times[k + 1]:g}; sort it"
        )
    return times


def _check_method(method: object) -> Method:
    """Method object, Exponential by default."""
    if method is None:
        return Exponential()
    if isinstance(method, type) and issubclass(method, Method):
        name = method.__name__
        raise ValueError(f"method is the class {name}; give an object, {name}(...)")
    if not isinstance(method, Method):
        raise ValueError(
            f"method is {method!r}; give a Method, e.g. Exponential() or BackwardEuler(dt=0.01)"
        )
    return method


def check_tolerance(rtol: Any, atol: Any, method: Method) -> float | None:
    """L1 tolerance, or None for the method's own."""
    if rtol is None and atol is None:
        return None
    for name, value in (("rtol", rtol), ("atol", atol)):
        is_number = isinstance(value, Real) and not isinstance(value, bool)
        if value is not None and not (is_number and 0 < value < 1):
            raise ValueError(f"{name} is {describe(value)}; give a number between 0 and 1")
    if not method.is_adaptive:
        raise ValueError(
            f"rtol and atol were given, but {method!r} does not control its error; choose its "
            "step, or use Exponential()"
        )
    return float((rtol or 0.0) + (atol or 0.0))


def _check_masses(p: ArrayLike, grid: Grid, method: Method | str) -> Array:
    """Masses (n,) that a method returned, if they are finite."""
    p = np.asarray(p, dtype=float)
    if p.shape != (grid.size,):
        raise ValueError(f"{method!r} returned masses of shape {p.shape}, expected ({grid.size},)")
    if not np.all(np.isfinite(p)):
        raise ConvergenceError(f"{method!r} returned masses that are not finite; shorten its step")
    return p


def _is_kept(generator: Generator, log_rho: Array | None) -> bool:
    """Whether the generator keeps a log density to rounding."""
    if log_rho is None:
        return False
    volume = generator.grid.volumes
    p = (np.exp(log_rho) * volume).ravel()
    return bool(np.abs(generator.matrix @ p).sum() <= STATIONARY * (generator.exit_rates @ p))


def rates_of(generator: Generator, transport: Transport) -> Generator | FluxRates:
    """What knows the rate of change of a density in a run."""
    return FluxRates(generator, transport.scheme) if transport.is_linear else generator


def _steady_log(generator: Generator, steady: Any, transport: Transport) -> Array | None:
    """Log density of the reference (*shape), normalised, or None."""
    grid = generator.grid
    leaks = generator.leaks
    if steady is False or (steady is None and leaks):
        return None
    if leaks:
        raise ValueError("steady is given, but mass leaves by absorbing sides; leave steady out")
    if steady is None:
        try:
            if transport.is_linear:
                try:
                    log_rho = normal_log(flux_reference(generator, transport.scheme), grid)
                    return _emptied(generator, log_rho)
                except ConvergenceError as error:
                    transport.reference = f"steady state of the Markov scheme, for {error}"
            steady = steady_state(generator, scheme="markov", progress=False)
        except (ValueError, ConvergenceError) as error:
            error.add_note("solve(..., steady=False) evolves the density without a free energy")
            raise
    expected = f"a SteadyState of this problem, a log density of shape {grid.shape} or False"
    log_rho = real_array(getattr(steady, "log_rho", steady), "steady", expected)
    if log_rho.shape != grid.shape:
        raise ValueError(
            f"steady has a log density of shape {log_rho.shape}, expected the grid's {grid.shape}; "
            "give a SteadyState of this problem or its log_rho"
        )
    if np.isnan(log_rho).any() or np.isposinf(log_rho).any():
        raise ValueError("steady has a log density that is nan or +inf; give the log of a density")
    mass = float(grid.integrate(np.exp(log_rho)))
    if abs(mass - 1) > 1e-6:
        raise ValueError(
            f"steady is a log density of mass {mass:.6g}, expected 1; give log(rho), not rho or Phi"
        )
    log_rho = log_rho - np.log(mass)
    return _emptied(generator, log_rho) if isinstance(steady, SteadyState) else log_rho


def _emptied(generator: Generator, log_rho: Array) -> Array:
    """Log density that is -inf in cells that are left for good, where it has no value."""
    reached = reached_cells(generator)
    if reached.size == generator.grid.size:
        return log_rho
    out = np.full(generator.grid.size, -np.inf)
    out[reached] = log_rho.ravel()[reached]
    return out.reshape(log_rho.shape)
