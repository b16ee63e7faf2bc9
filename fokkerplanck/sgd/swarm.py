r"""Minibatch SGD on real data: swarms of particles :math:`x \leftarrow x - \eta \nabla f_b(x)`.

The Fokker-Planck side of the same run is ``Problem.from_samples``; time there is t = k eta after k
steps.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from tqdm import tqdm

from fokkerplanck.domain.arguments import describe, positive_number, whole_number
from fokkerplanck.domain.ensembles import Ensemble, check_schedule, check_start
from fokkerplanck.domain.packing import Saved
from fokkerplanck.domain.types import Array
from fokkerplanck.equation.minibatch import Rows, evaluate_rows
from fokkerplanck.errors import ConvergenceError
from fokkerplanck.kernels import threads
from fokkerplanck.kernels.particles import minibatch as kernels
from fokkerplanck.sgd.models import LeastSquares, Logistic

Sampling = Literal["with_replacement", "without_replacement", "reshuffle"]
_SAMPLING = {
    "with_replacement": kernels.WITH_REPLACEMENT,
    "without_replacement": kernels.WITHOUT_REPLACEMENT,
    "reshuffle": kernels.RESHUFFLE,
}
#: Samples drawn by the kernel in one call: far below a second, after which Ctrl-C is heard.
_BLOCK_UPDATES = 2_000_000
#: Bytes of per-sample gradients that a block of particles may take.
_GRADIENT_BYTES = 2**25


@dataclass(frozen=True, eq=False)
class Swarm(Ensemble, Saved):
    """Positions of independent SGD particles, and statistics whose errors are taken by particle.

    Attributes
    ----------
    points : array, shape (n_particles, d)
        After the last step.
    samples : array, shape (n_snapshots, n_particles, d)
        Kept after steps burn_in + thin, burn_in + 2 thin, ...; the final points alone if the run
        was not thinned. Snapshots of one particle are correlated, particles are not.
    eta, b, steps, sampling, seed, momentum
        As given to `run`.
    """

    eta: float
    b: int
    steps: int
    sampling: Sampling
    seed: int
    momentum: float = 0.0


def run(
    model: Any,
    x0: ArrayLike,
    eta: float,
    b: int,
    steps: int,
    *,
    n_particles: int | None = None,
    sampling: Sampling = "with_replacement",
    momentum: float = 0.0,
    burn_in: int = 0,
    thin: int | None = None,
    seed: int = 0,
    data: Any = None,
    progress: bool | None = None,
) -> Swarm:
    r"""Minibatch SGD :math:`x_{k+1} = x_k - \frac\eta b \sum_{i\in\text{batch}_k} \nabla f_i(x_k)`.

    Many particles run independently, each on its own random batches.

    Parameters
    ----------
    model : LeastSquares, Logistic, or any model of per-sample losses
        The two named models run in a compiled kernel. Anything else is an object with a method
        ``grad_losses(theta, data)``, or such a function: theta (d, n) -> (N, d, n), the gradient of
        every sample at every particle. That path is numpy and computes all N gradients at each
        step, so it costs N/b times as much.
    x0 : array, shape (d,) or (n_particles, d)
        One start for all, or one for each.
    eta : float
        Learning rate; the time of the continuous limit is t = eta * step.
    b : int
        Batch size.
    steps : int
        Number of updates.
    n_particles : int, optional
        Default 10 000, or the number of rows of x0.
    sampling : {"with_replacement", "without_replacement", "reshuffle"}
        Fresh independent batches drawn with or without replacement; or epochs: the rows are
        shuffled, cut into floor(N/b) batches (the rest sits the epoch out), and shuffled again.
        The Fokker-Planck equation describes the first two; reshuffling it does not.
    momentum : float, 0 <= momentum < 1
        Heavy ball, started at rest: :math:`v_{k+1} = \mu v_k - \eta\nabla f_b(x_k)`,
        :math:`x_{k+1} = x_k + v_{k+1}`.
    burn_in, thin : int
        Keep the positions after steps burn_in + thin, burn_in + 2 thin, ... Without thin only the
        final positions are kept. With "reshuffle" the law depends on the place in the epoch: thin=1
        averages over places, a multiple of floor(N/b) always looks at the same one.
    seed : int, 0 <= seed < 2**63
        Particle p draws from its own stream (seed, p): the result does not depend on the number of
        threads, and the first particles of a larger swarm are those of a smaller one.
    data : any, optional
        Passed through to a custom ``grad_losses``.
    progress : bool, optional
        Show a tqdm bar; default no.

    Returns
    -------
    Swarm

    Raises
    ------
    ValueError
        For arguments that cannot be used, saying which and why.
    ConvergenceError
        If particles ran off to infinity; carries the positions as ``.iterate``.

    References
    ----------
    P. Chaudhari and S. Soatto, Stochastic gradient descent performs variational inference,
    converges to limit cycles for deep networks, ICLR 2018 (arXiv:1710.11029), Lemma 2: the
    continuous-time limit, with temperature eta/(2b).

    Examples
    --------
    One datum, so that no noise is left: every particle converges to the minimum.

    >>> import fokkerplanck as fp
    >>> model = fp.sgd.LeastSquares([[1.0, 0.0]], [3.0], weight_decay=0.5)
    >>> swarm = fp.sgd.run(model, [0.0, 1.0], eta=0.1, b=1, steps=400, n_particles=4)
    >>> swarm.mean.round(6)
    array([2., 0.])
    """
    gradients = _check_model(model)
    x = check_start(x0, n_particles)
    n_rows = _count_rows(model, gradients, x, data)
    eta, momentum = positive_number(eta, "eta"), _check_momentum(momentum)
    code = _check_batches(b, sampling, n_rows)
    burn_in, thin = check_schedule(steps, burn_in, thin)
    seed = whole_number(seed, "seed", 0, 2**63 - 1)

    samples = np.empty((len(x), (steps - burn_in) // thin, x.shape[1]))
    if gradients is None:
        block = max(4, _BLOCK_UPDATES // (steps * b))
    else:
        block = max(1, _GRADIENT_BYTES // (8 * n_rows * x.shape[1]))
    with tqdm(total=len(x), unit=" particles", disable=not progress) as bar:
        for first in range(0, len(x), block):
            part = slice(first, first + block)
            rule = _Rule(eta, momentum, code, int(b), seed, first, int(steps), burn_in, thin)
            # Wrapping around is what a random generator does to 64-bit words.
            with np.errstate(over="ignore", invalid="ignore"):
                if gradients is None:
                    given = model.a, model.y, float(model.weight_decay)
                    arrays = *given, *rule, x[part], samples[part]
                    n_updates = int(steps) * int(b) * len(x[part])
                    threads.call(kernels.run_swarm, n_updates, model.kind, *arrays)
                else:
                    _run_numpy(gradients, data, n_rows, rule, x[part], samples[part])
            bar.update(len(x[part]))
    lost = np.count_nonzero(~np.isfinite(x).all(axis=1))
    if lost:
        raise ConvergenceError(
            f"{lost} of {len(x)} particles ran off to infinity within {steps} steps; "
            f"take eta smaller than {eta:g}",
            iterate=x,
        )
    samples = samples.transpose(1, 0, 2)
    return Swarm(x, samples, eta, int(b), int(steps), sampling, seed, momentum)


class _Rule(NamedTuple):
    """How one block of particles moves, in the order in which the kernel takes it."""

    eta: float
    momentum: float
    sampling: int  # number of the kernel for the kind of sampling
    b: int
    seed: int
    first: int  # number of the first particle of the block
    steps: int
    burn_in: int
    thin: int


def _run_numpy(
    gradients: Rows, data: Any, n_rows: int, rule: _Rule, x: Array, samples: Array
) -> None:
    """Run one block of particles with gradients from numpy, on the batches the kernel would use."""
    velocity = np.zeros_like(x)
    states = np.empty((len(x), 4), np.uint64)
    kernels.seed_streams(rule.seed, rule.first, states)
    orders = np.tile(np.arange(n_rows), (len(x), 1))
    positions = np.zeros(len(x), np.int64)
    rows = np.empty((len(x), rule.b), np.int64)
    for step in range(1, rule.steps + 1):
        kernels.draw_batches(states, rule.sampling, orders, positions, rows)
        each = np.asarray(gradients(np.ascontiguousarray(x.T), data))
        chosen = np.take_along_axis(each, rows.T[:, None, :], axis=0)
        velocity = rule.momentum * velocity - rule.eta * chosen.mean(axis=0).T
        x += velocity
        kept, rest = divmod(step - rule.burn_in, rule.thin)
        if rest == 0 and kept > 0:
            samples[:, kept - 1] = x


def _check_model(model: Any) -> Rows | None:
    """None for a built-in model, else its function grad_losses(theta, data)."""
    if isinstance(model, (LeastSquares, Logistic)):
        return None
    if isinstance(model, type):
        name = model.__name__
        raise ValueError(f"model is the class {name}; give an object, {name}(...)")
    gradients = getattr(model, "grad_losses", model)
    if not callable(gradients):
        raise ValueError(
            f"model is of type {type(model).__name__}; give sgd.LeastSquares, sgd.Logistic, or "
            "a function grad_losses(theta, data) -> (N, d, n_particles)"
        )
    return gradients


def _check_momentum(momentum: float) -> float:
    """Value as a float, if it is one in [0, 1)."""
    if isinstance(momentum, bool) or not isinstance(momentum, (int, float, np.number)):
        raise ValueError(f"momentum is {describe(momentum)}; give a number from 0 to below 1")
    if not 0 <= momentum < 1:
        raise ValueError(f"momentum is {momentum:g}; give a number from 0 to below 1")
    return float(momentum)


def _count_rows(model: Any, gradients: Rows | None, x: Array, data: Any) -> int:
    """Check that x suits the model; return the number of samples N."""
    d = x.shape[1]
    if gradients is None:
        n_rows, width = model.a.shape
        if width != d:
            raise ValueError(f"x0 has {d} components, but the rows of a have {width}")
        return n_rows
    theta = np.ascontiguousarray(x[:2].T)
    shape = evaluate_rows(gradients, "grad_losses", theta, data).shape
    expected = (d, len(x[:2]))
    if len(shape) != 3 or shape[1:] != expected:
        raise ValueError(
            f"grad_losses returned shape {shape} for theta of shape {expected}, "
            f"expected (N, {expected[0]}, {expected[1]}): sample, component, particle"
        )
    return shape[0]


def _check_batches(b: int, sampling: str, n_rows: int) -> int:
    """Check batch size and kind of sampling; return the kernel's code for it."""
    if not isinstance(sampling, str) or sampling not in _SAMPLING:
        raise ValueError(
            f"sampling is {sampling!r:.60}, expected one of {', '.join(map(repr, _SAMPLING))}"
        )
    whole_number(b, "b", 1)
    if sampling != "with_replacement" and b > n_rows:
        raise ValueError(
            f"b is {b}, but only {n_rows} samples can be drawn without replacement; "
            'take a smaller batch or sampling="with_replacement"'
        )
    return _SAMPLING[sampling]
