"""The questions of a problem file as calls of the library."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from fokkerplanck import sets
from fokkerplanck.distributions import covariance, mean
from fokkerplanck.domain.densities import gaussian, point, uniform
from fokkerplanck.domain.types import Array
from fokkerplanck.equation.problem import Problem
from fokkerplanck.evolution.time_loop import solve
from fokkerplanck.methods import JKO, Exponential, FluxCorrected, Implicit, Splitting
from fokkerplanck.modes import spectrum
from fokkerplanck.problem_files.checks import check_table, formula, number, unknown
from fokkerplanck.problem_files.mistakes import shown
from fokkerplanck.problem_files.places import Trail
from fokkerplanck.problem_files.schema import QUESTIONS, Key
from fokkerplanck.problem_files.source import Source
from fokkerplanck.rates import mfpt
from fokkerplanck.steady import steady_state
from fokkerplanck.studies import sweep
from fokkerplanck.theorems import verify

_NUMBER, _NUMBERS = Key("number", (0,), ""), Key("number", (0, 1), "")
#: Tables that say a density at t = 0, by their first key.
STARTS = {
    "mean": {"mean": _NUMBERS, "cov": Key("number", (0, 1, 2), "", needed=True)},
    "point": {"point": _NUMBERS},
}
#: Tables that say a set, by their first key.
TARGETS = {
    "center": {"center": _NUMBERS, "radius": Key("number", (0,), "", needed=True)},
    "box": {"box": Key("number", (2,), "")},
    "normal": {"normal": _NUMBERS, "offset": Key("number", (0,), "", needed=True)},
    "f": {"f": Key("formula", (0,), ""), "level": Key("number", (0,), "", needed=True)},
}
METHODS = {
    "Exponential": Exponential,
    "Implicit": Implicit,
    "Splitting": Splitting,
    "FluxCorrected": FluxCorrected,
}
#: Calls by the name of the question; [plot] is for the command line.
CALLS: dict[str, Callable[..., Any]] = {
    "steady": steady_state,
    "solve": solve,
    "jko": solve,
    "spectrum": spectrum,
    "mfpt": mfpt,
    "verify": verify,
    "sweep": sweep,
}


def read_questions(
    source: Source, parameters: dict[str, float], variables: tuple[str, ...]
) -> dict[str, dict[str, Any]]:
    """Tables of questions in the order of the file, with numbers for formulas of parameters."""
    asked: dict[str, dict[str, Any]] = {}
    for name, table in source.data.items():
        if name in QUESTIONS:
            asked[name] = {
                word: _resolved(source, value, QUESTIONS[name][word], parameters, (name, word))
                for word, value in table.items()
            }
            _check_tables(source, asked[name], name, parameters, variables)
    return asked


def _resolved(
    source: Source, value: Any, key: Key, parameters: dict[str, float], path: Trail
) -> Any:
    """Value with numbers in place of formulas of the parameters."""
    if key.leaf != "number":
        return value
    if isinstance(value, list):
        return [_resolved(source, u, key, parameters, (*path, k)) for k, u in enumerate(value)]
    return number(source, value, parameters, path)


def _check_tables(
    source: Source,
    asked: dict[str, Any],
    name: str,
    parameters: dict[str, float],
    variables: tuple[str, ...],
) -> None:
    """Raise for starts, targets and lists of values that say nothing; put numbers into them."""
    if "rho0" in asked:
        path: Trail = (name, "rho0")
        if isinstance(asked["rho0"], dict):
            asked["rho0"] = _table(source, asked["rho0"], STARTS, parameters, path)
        elif not isinstance(asked["rho0"], str):
            reason = f'rho0 is {shown(asked["rho0"])}; give "uniform", a formula or a table'
            raise source.mistake(path, reason)
        elif asked["rho0"] != "uniform":
            formula(source, asked["rho0"], parameters, variables, path)
    if "target" in asked:
        path = (name, "target")
        if not isinstance(asked["target"], dict):
            reason = f"target is {shown(asked['target'])}; give a table, {{center=..., radius=...}}"
            raise source.mistake(path, reason)
        asked["target"] = _table(source, asked["target"], TARGETS, parameters, path)
        if "f" in asked["target"]:
            text = str(asked["target"]["f"])
            formula(source, text, parameters, variables, (*path, "f"))
    if name == "sweep":
        asked["parameters"] = _lists(source, asked["parameters"], parameters)


def _table(
    source: Source,
    table: dict[str, Any],
    kinds: dict[str, dict[str, Key]],
    parameters: dict[str, float],
    path: Trail,
) -> dict[str, Any]:
    """Table of one of several kinds."""
    kind = next((word for word in kinds if word in table), None)
    if kind is None:
        for word in table:
            raise source.mistaken_key((*path, word), unknown("key", word, kinds))
        raise source.mistake(path, f"{path[-1]} is an empty table; give {' or '.join(kinds)}")
    check_table(source, table, kinds[kind], path)
    return {
        word: _resolved(source, u, kinds[kind][word], parameters, (*path, word))
        for word, u in table.items()
    }


def _lists(source: Source, table: Any, parameters: dict[str, float]) -> dict[str, list[float]]:
    """Values of the parameters of a sweep."""
    path: Trail = ("sweep", "parameters")
    if not isinstance(table, dict) or not table:
        came = shown(table) if table else "empty"
        raise source.mistake(path, f"parameters is {came}; give lists of numbers, {{a = [1, 2]}}")
    for name, values in table.items():
        if name not in parameters:
            raise source.mistaken_key((*path, name), unknown("parameter", name, parameters))
        if not isinstance(values, list) or not values:
            reason = f"{name} is {shown(values)}; give a list of numbers"
            raise source.mistake((*path, name), reason)
    return {
        name: [number(source, u, parameters, (*path, name, k)) for k, u in enumerate(values)]
        for name, values in table.items()
    }


def arguments(
    source: Source,
    name: str,
    asked: dict[str, Any],
    problem: Problem,
    parameters: dict[str, float],
    variables: tuple[str, ...],
) -> dict[str, Any]:
    """Arguments of the library's call for a question, without the problem."""
    given = dict(asked)
    with source.located(name):
        if name in ("solve", "jko"):
            start = given.get("rho0", "uniform")
            given["rho0"] = start_density(source, start, problem, parameters, variables, name)
            given["t"] = np.array(given["t"])
        if name == "jko":
            words = [word for word in ("tau", "scheme", "order") if word in given]
            given["method"] = JKO(**{word: given.pop(word) for word in words})
        elif "method" in given:
            given["method"] = METHODS[given["method"]]()
        if "target" in given:
            given["target"] = target_set(source, given["target"], parameters, variables)
    return given


def start_density(
    source: Source,
    start: Any,
    problem: Problem,
    parameters: dict[str, float],
    variables: tuple[str, ...],
    name: str,
) -> Array:
    """Density at t = 0, of mass 1."""
    grid = problem.grid
    if isinstance(start, dict):
        if "point" in start:
            return point(grid, start["point"])
        return gaussian(grid, start["mean"], start["cov"])
    if start == "uniform":
        return uniform(grid)
    values = formula(source, start, parameters, variables, (name, "rho0"))(*grid.x)
    rho = np.broadcast_to(values, grid.shape).astype(float)
    if not np.isfinite(rho).all() or (rho < 0).any() or not rho.any():
        raise ValueError("rho0 is not finite, negative or zero everywhere; give a density")
    return np.asarray(rho / grid.integrate(rho))


def target_set(
    source: Source, target: dict[str, Any], parameters: dict[str, float], variables: tuple[str, ...]
) -> Any:
    """Set that a table says."""
    if "center" in target:
        return sets.ball(target["center"], target["radius"])
    if "box" in target:
        return sets.box(*(tuple(pair) for pair in target["box"]))
    if "normal" in target:
        return sets.half_space(target["normal"], target["offset"])
    path: Trail = ("mfpt", "target", "f")
    f = formula(source, str(target["f"]), parameters, variables, path)
    return sets.sublevel(f, target["level"])


def entropy_production(problem: Problem) -> float:
    """Entropy production of the steady state."""
    return steady_state(problem).entropy_production


def steady_mean(problem: Problem) -> Array:
    """Mean place in the steady state."""
    return np.asarray(mean(steady_state(problem).rho, problem.grid))


def steady_covariance(problem: Problem) -> Array:
    """Covariance in the steady state."""
    return np.asarray(covariance(steady_state(problem).rho, problem.grid))


def gap(problem: Problem) -> float:
    """Rate of the slowest mode that decays."""
    return float(-spectrum(problem, k=2).eigenvalues[1].real)


#: What a sweep asks, by name.
NUMBERS: dict[str, Callable[[Problem], Any]] = {
    "entropy_production": entropy_production,
    "mean": steady_mean,
    "covariance": steady_covariance,
    "gap": gap,
}
