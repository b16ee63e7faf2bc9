"""What a run puts down so that another process can go on with it, to the same bits."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from types import TracebackType
from typing import Any, Self

import numpy as np

from fokkerplanck.domain.arguments import finite_number
from fokkerplanck.domain.types import Array
from fokkerplanck.evolution.fingerprints import method_fingerprint, problem_fingerprint
from fokkerplanck.evolution.first_schema import LEDGER
from fokkerplanck.evolution.run_folder import RunFolder
from fokkerplanck.evolution.solution import Solution
from fokkerplanck.methods.method import Context, Method
from fokkerplanck.scheme.generator import Generator

#: Fields of a solution that lie in the last checkpoint of a run that is over.
_WORDS = (
    *("status", "message", "beta", "problem_repr", "log_rho_inf", "t_events", "rho_events"),
    *("centroids", "_moves_values"),
)


@dataclass(frozen=True)
class Asked:
    """Arguments of ``solve`` that the numbers of a run depend on, besides times and method."""

    scheme: str
    rtol: float | None
    atol: float | None
    is_free: bool  # whether "auto" may leave the Markov generator
    events: int


class Keeper:
    """Puts the densities of a run down in a folder, and where the run is, now and then.

    What is put down at an output time is all that the rest of the run depends on: masses, what the
    method keeps from one interval to the next, the scheme, events found, the ledger and the record.

    Parameters
    ----------
    folder : RunFolder
    """

    def __init__(self, folder: RunFolder) -> None:
        self.folder = folder
        self._latest: dict[str, Any] | None = None
        self._saved: dict[str, Any] | None = None

    @classmethod
    def new(cls, path: Any, every: float, dense: bool) -> Keeper:
        """Keeper with a folder of its own; ValueError for one that will not do."""
        if dense:
            raise ValueError(
                "dense=True keeps every step in memory, and checkpoint= nothing; leave one of them "
                "out, or give more output times"
            )
        return cls(RunFolder(path, every, is_new=True))

    def begin(
        self, times: Array, method: Method, generator: Generator, start: Array, asked: Asked
    ) -> None:
        """Put down what was asked."""
        plain = {k: v.item() if isinstance(v, np.generic) else v for k, v in asdict(asked).items()}
        self.folder.begin(
            {
                "times": times.tolist(),
                "shape": list(start.shape),
                "method": method_fingerprint(method, generator, start),
                "problem": problem_fingerprint(generator),
                "asked": plain,
            }
        )

    def __setitem__(self, k: int, rho: Array) -> None:
        """Put a density down."""
        self.folder.put(k, rho)

    def __getitem__(self, k: int) -> Array:
        """Density k."""
        return self.folder[k]

    @property
    def advice(self) -> str:
        """How to go on."""
        return f"fp.resume({str(self.folder.path)!r}, problem) goes on"

    def keep(self, run: Any, state: Any, p: Array, context: Context) -> Any:
        """Take down where a run is, and make a checkpoint if it is time.

        A method that says nothing of its state begins again, interrupted or not.

        Returns
        -------
        Any
            State to go on with.
        """
        method = run.transport.method
        snapshot = method.snapshot(state)
        if snapshot is None:
            state = _again(run, method, context)
        self._latest = {
            "n": run.n,
            "p": p,
            "method": snapshot,
            "record": _copied(context.record.values),
            "ledger": run.ledger,
            "transport": run.transport.snapshot(),
            "log_inf": run.log_inf,
            "is_steady_given": run.steady is not None,
            "roots": [list(roots) for roots in run.watch.roots],
            "seconds": run.before + time.perf_counter() - run.began,
        }
        if self.folder.is_due:
            self.stop()
        return state

    def stop(self) -> None:
        """Make a checkpoint of what was taken down last, if there is none."""
        if self._latest is None or self._latest is self._saved:
            return
        n, content = self._latest["n"], dict(self._latest)
        content["ledger"] = {name: values[:n] for name, values in content["ledger"].items()}
        try:
            self.folder.save(content)
        except TypeError as error:
            raise ValueError(f"checkpoint= cannot keep what the method tells: {error}") from error
        self._saved = self._latest

    def finish(self, solution: Solution, scheme_again: str) -> None:
        """Make the last checkpoint: of the solution if the run is over, else of where it is."""
        if solution.status not in ("finished", "event"):
            self.stop()
            return
        words = {name: getattr(solution, name) for name in _WORDS}
        ledger = {name: getattr(solution, name) for name in ("t", *LEDGER)}
        content = words | ledger | {"stats": dict(solution.stats)}
        try:
            last = {"n": len(solution), "solution": content, "scheme_again": scheme_again}
            self.folder.save(last)
        except TypeError:  # a report that files cannot hold, which the last step makes again
            self.stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        try:
            if error is not None and not isinstance(error, OSError) and self._latest is not None:
                self.stop()
                error.add_note(f"what was reached is in {self.folder.path}: {self.advice}")
        finally:
            self.folder.close()


def restore(run: Any, saved: dict[str, Any], method: Method, state: Any, context: Context) -> None:
    """Bring a run with a fresh state of its method to where a checkpoint was made."""
    run.n = saved["n"]
    for name, values in saved["ledger"].items():
        run.ledger[name][: run.n] = values
    if saved["method"] is not None:
        method.restore(state, saved["method"])
    context.record.values = _copied(saved["record"])
    run.watch.go_on([list(roots) for roots in saved["roots"]])
    run.bar.at(run.last - run.times[0])


def _again(run: Any, method: Method, context: Context) -> Any:
    """New state of a method, with what was recorded so far."""
    recorded = context.record.values
    context.record.values = {}
    state = method.init(run.generator, context)
    context.record.values = recorded
    run.watch.change(run.watch.generator, method, state, context)
    return state


def _copied(values: dict[str, Any]) -> dict[str, Any]:
    """Record whose lists do not grow with the run."""
    return {k: list(v) if isinstance(v, list) else v for k, v in values.items()}


def check_every(every: Any, checkpoint: Any) -> float:
    """Seconds between checkpoints."""
    seconds = finite_number(every, "every", "the seconds between checkpoints, at least 0")
    if seconds < 0:
        raise ValueError(f"every is {seconds:g}; give the seconds between checkpoints, at least 0")
    if checkpoint is None and seconds != 60.0:
        raise ValueError(f"every is {seconds:g}, without a folder; give checkpoint= too")
    return seconds
