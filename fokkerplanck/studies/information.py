"""What data of a steady state tell of each parameter, and what they do not."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fokkerplanck.domain.arguments import frozen
from fokkerplanck.domain.grid import Grid
from fokkerplanck.domain.types import Array
from fokkerplanck.equation.problem import Problem
from fokkerplanck.errors import ConvergenceError
from fokkerplanck.studies.likelihood import Likelihood, Stationary

#: Information of a direction over that of the best known one, in sizes of parameters, that is none.
NOTHING = 1e-9
#: Growth of the information on half as many cells above which it is the grid's, not the data's.
OF_THE_GRID = 4.0
#: Share of a parameter in a direction from which on it is named.
SHARE = 0.1


@dataclass(frozen=True, eq=False)
class Information:
    """Fisher's information of a sample, and the directions of which it tells nothing.

    Attributes
    ----------
    matrix : array (k, k)
        For all the data: N times sum_i p_i s_i s_i^T with the scores s of the cells.
    blind : array (m, k)
        Directions in sizes of the parameters, of length 1, of which the data tell nothing.
    message : str
        These in words.
    """

    matrix: Array
    blind: Array
    message: str

    @classmethod
    def of(cls, likelihood: Likelihood, theta: Array, state: Stationary) -> Information:
        """Information at some values of the parameters."""
        n, sizes = likelihood.data.total, np.maximum(likelihood.sizes, np.abs(theta))
        scores = likelihood.scores(theta, state, lambda problem: problem)
        matrix = n * (scores * state.mass) @ scores.T
        values, vectors = np.linalg.eigh(sizes[:, None] * matrix * sizes)
        coarse, note = _on_half(likelihood, theta, state)
        blind, texts = [], []
        for value, v in zip(values, vectors.T, strict=True):
            if value <= NOTHING * max(values[-1], n * NOTHING):
                why = "the density does not depend on it"
            elif coarse is not None and (v * sizes) @ coarse @ (v * sizes) > OF_THE_GRID * value:
                why = "what seems to depend on it shrinks with the cells, and is of the grid"
            else:
                continue
            blind.append(v)
            texts.append(f"{_in_words(likelihood.names, v)} is not identifiable: {why}")
        if texts:
            texts.append("fix a parameter, or give data that tell more than a steady density")
        message = "; ".join(texts) or note
        return cls(matrix, frozen(np.array(blind).reshape(-1, theta.size)), message)

    def covariance(self, sizes: Array) -> Array:
        """Covariance (k, k) of the estimates; infinite variance along blind directions."""
        scaled = sizes[:, None] * self.matrix * sizes
        keep = np.eye(sizes.size) - self.blind.T @ self.blind
        inverse = np.linalg.pinv(keep @ scaled @ keep, rcond=1e-13, hermitian=True)
        out = sizes[:, None] * inverse * sizes
        lost = (np.abs(self.blind) > SHARE).any(axis=0)
        out[lost] = out[:, lost] = np.nan
        out[lost, lost] = np.inf
        return out


def _on_half(likelihood: Likelihood, theta: Array, state: Stationary) -> tuple[Array | None, str]:
    """Information on half as many cells along every axis, or why there is none."""
    try:
        grid: Grid = state.problem.grid.coarsened()

        def on(problem: Problem) -> Problem:
            return problem.on(grid)

        coarse = Stationary.of(on(state.problem))
        scores = likelihood.scores(theta, coarse, on)
    except (ValueError, ConvergenceError) as error:
        return None, f"whether the grid or the data tell of the parameters is not known: {error}"
    return likelihood.data.total * (scores * coarse.mass) @ scores.T, ""


def _in_words(names: tuple[str, ...], v: Array) -> str:
    """Direction in words."""
    parts = [(name, share) for name, share in zip(names, v, strict=True) if abs(share) > SHARE]
    if len(parts) == 1:
        return parts[0][0]
    terms = " ".join(f"{share:+.2f} {name}" for name, share in parts)
    return f"the direction ({terms}), in sizes of the parameters,"
