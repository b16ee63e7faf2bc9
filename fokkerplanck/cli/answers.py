"""Answers as numbers: what the terminal and numbers.json say of each result."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from fokkerplanck.cli.verifying import as_numbers, report
from fokkerplanck.domain.grid import AXES
from fokkerplanck.evolution.first_schema import LEDGER


@dataclass(frozen=True)
class Answer:
    """A result, its numbers by name, and columns of numbers.

    Attributes
    ----------
    result : SteadyState, Solution, Spectrum, PassageTimes, Sweep or Verdicts
    numbers : dict
    columns : dict of lists
    text : str
        In place of a table of the numbers.
    is_wrong : bool
        Whether the mathematics said no: a theorem fails, or points of a sweep did.
    """

    result: Any
    numbers: Mapping[str, Any]
    columns: Mapping[str, Any] = field(default_factory=dict)
    text: str = ""
    is_wrong: bool = False


def steady(state: Any, options: argparse.Namespace) -> Answer:
    """Steady state."""
    numbers = {
        "scheme": state.stats.scheme,
        "cells": list(state.grid.shape),
        "mean": np.atleast_1d(state.mean()).tolist(),
        "covariance": np.atleast_2d(state.covariance()).tolist(),
        "entropy production": state.entropy_production,
        "residual": state.residual,
        "error estimate": state.error_estimate,
    }
    return Answer(state, numbers | _said(state.stats.message))


def solve(solution: Any, options: argparse.Namespace) -> Answer:
    """Evolution."""
    grid = solution.grid
    columns = {"t": solution.t.tolist()}
    if np.isfinite(solution.rho).all():
        mean = np.asarray(solution.mean()).reshape(len(solution), -1)
        columns |= {f"mean {AXES[k]}": mean[:, k].tolist() for k in range(grid.dim)}
    names = [name for name in LEDGER if np.isfinite(getattr(solution, name)).any()]
    columns |= {name.replace("_", " "): getattr(solution, name).tolist() for name in names}
    numbers = {
        "method": solution.stats.get("method", ""),
        "status": solution.status,
        "cells": list(grid.shape),
    }
    return Answer(solution, numbers | _said(solution.message), columns)


def spectrum(found: Any, options: argparse.Namespace) -> Answer:
    """Slowest modes."""
    errors = np.abs(np.broadcast_to(found.error_estimate, found.decay.shape))
    columns = {
        "mode": list(range(len(found))),
        "decay": found.decay.tolist(),
        "frequency": np.asarray(found.eigenvalues.imag).tolist(),
        "error estimate": errors.tolist(),
        "residual": found.residuals.tolist(),
    }
    numbers = {"scheme": found.stats.scheme, "cells": list(found.grid.shape)}
    return Answer(found, numbers | _said(found.stats.message), columns)


def mfpt(times: Any, options: argparse.Namespace) -> Answer:
    """Mean first passage times."""
    grid = times.grid
    longest = np.unravel_index(int(times.mean.argmax()), grid.shape)
    share = float(grid.integrate(np.ones(grid.shape)))
    numbers: dict[str, Any] = {
        "scheme": times.stats.get("scheme", "markov"),
        "cells": list(grid.shape),
        "longest mean time": float(times.mean[longest]),
        "its deviation": float(times.std[longest]),
        "from": [float(grid.x[k][longest]) for k in range(grid.dim)],
        "mean time from a uniform start": float(grid.integrate(times.mean)) / share,
    }
    if getattr(options, "at", None) is not None:
        numbers["mean time from --at"] = times.at(options.at)
    numbers["relative error estimate"] = times.error_estimate
    return Answer(times, numbers | _said(times.stats.get("message", "")))


def sweep(study: Any, options: argparse.Namespace) -> Answer:
    """One number at many parameters."""
    points = [tuple(int(i) for i in index) for index in np.ndindex(*study.shape)]
    columns: dict[str, Any] = {
        name: [study.point(index)[name] for index in points] for name in study.parameters
    }
    for name, values in study.values.items():
        if values.dtype.kind in "fc":
            flat = values.reshape(len(points), -1)
            words = [name] if flat.shape[1] == 1 else _entries(name, values.shape[study.ok.ndim :])
            columns |= {word: flat[:, k].tolist() for k, word in enumerate(words)}
    numbers = {"points": study.ok.size, "failed": len(study.errors)}
    numbers |= {"errors": study.summary} if study.errors else {}
    return Answer(study, numbers, columns, is_wrong=bool(study.errors))


def _entries(name: str, shape: tuple[int, ...]) -> list[str]:
    """Names of the entries of a vector or a matrix: mean x, covariance xy."""
    return [f"{name} {''.join(AXES[i] for i in index)}" for index in np.ndindex(*shape)]


def verify(found: Any, options: argparse.Namespace) -> Answer:
    """Verdicts."""
    return Answer(found, as_numbers(found), text=report(found), is_wrong=not found.ok)


def _said(message: str) -> dict[str, str]:
    """Message, where there is one."""
    return {"message": message} if message else {}


#: By question.
ANSWERS = {
    "steady": steady,
    "solve": solve,
    "jko": solve,
    "spectrum": spectrum,
    "mfpt": mfpt,
    "sweep": sweep,
    "verify": verify,
}
