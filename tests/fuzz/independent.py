"""Hundreds of problems against generators written by hand: `python -m tests.fuzz.independent`.

Only the answers that are judged come from the library. Fluxes after Scharfetter and Gummel are
summed here on lines and in planes with diagonal D, exponentials are scipy's, and stationary masses,
times and chances solve dense systems. Sides, D, drift and beta are what a person would try: smooth
fields, four to forty cells on an axis, temperatures over four powers of ten.
"""

import argparse
import secrets
import sys
import time
import traceback

import numpy as np
from scipy.linalg import expm

import fokkerplanck as fp

SIDES = ("reflecting", "periodic", "absorbing")


def bernoulli(z):
    """z / (e^z - 1)."""
    z = np.asarray(z, float)
    small = np.abs(z) < 1e-8
    safe = np.where(small, 1.0, z)
    return np.where(small, 1 - z / 2, safe / np.expm1(safe))


def waves(rng, d, amplitude):
    """A smooth function of coordinates from 0 to 1, periodic in each."""
    terms = [(rng.normal(), rng.integers(0, 3, d), rng.uniform(0, 2 * np.pi, d)) for _ in range(3)]

    def wave(x):
        total = 0.0
        for a, k, phase in terms:
            factors = [np.cos(2 * np.pi * m * s + p) for m, s, p in zip(k, x, phase, strict=True)]
            total = total + a * np.prod(factors, axis=0)
        return amplitude * total

    return wave


class Case:
    """A problem for the library, and its rates by hand."""

    def __init__(self, seed):
        rng = np.random.default_rng(seed)
        d = int(rng.integers(1, 3))
        shape = tuple(int(n) for n in rng.integers(4, 40 if d == 1 else 9, d))
        length = 10 ** rng.uniform(-1, 1, d)
        sides = [str(word) for word in rng.choice(SIDES, d, p=(0.55, 0.25, 0.2))]
        beta, size = 10 ** rng.uniform(-2, 2), 10 ** rng.uniform(-2, 2)
        self.h = length / np.array(shape)
        unit = np.meshgrid(*[(np.arange(n) + 0.5) / n for n in shape], indexing="ij")
        # Exits take the divergence of D: where there are some D is constant, and v the drift.
        varies = 0.0 if "absorbing" in sides else 10 ** rng.uniform(-1.5, 0)
        self.D = np.array([size * rng.uniform(0.2, 1) * np.exp(waves(rng, d, varies)(unit))
                           + 0 * unit[0] for _ in range(d)])  # fmt: skip
        # The drift climbs about `strength` kT on the way through the box.
        strength = 10 ** rng.uniform(-1, 1)
        self.drift = np.array([
            waves(rng, d, strength * size / beta / L)(unit) + 0 * unit[0] for L in length
        ])  # fmt: skip
        tensor = np.zeros((d, d, *shape))
        for k in range(d):
            tensor[k, k] = self.D[k]
        grid = fp.Grid([(0.0, float(L)) for L in length], shape, sides=sides)
        self.problem = fp.Problem(grid, drift=self.drift, D=tensor, beta=beta)
        self.rng, self.seed, self.sides, self.beta, self.shape = rng, seed, sides, beta, shape
        self.n = int(np.prod(shape))
        self.leaks = "absorbing" in sides
        self.pairs = [pair for k in range(d) for pair in self.faces(k)]
        self.exits = {(k, end): self.exit(k, end) for k in range(d) if sides[k] == "absorbing"
                      for end in ("lower", "upper")}  # fmt: skip

    def faces(self, k):
        """(cell, next cell, conductance / volume, tilt) of all faces across an axis."""
        number = np.moveaxis(np.arange(self.n).reshape(self.shape), k, 0)
        D, b = np.moveaxis(self.D[k], k, 0), np.moveaxis(self.drift[k], k, 0)
        last = self.shape[k] if self.sides[k] == "periodic" else self.shape[k] - 1
        for i in range(last):
            j = (i + 1) % self.shape[k]
            w = 0.5 * (D[i] + D[j]) / self.beta / self.h[k] ** 2
            z = self.beta * self.h[k] * 0.5 * (b[i] / D[i] + b[j] / D[j]) - np.log(D[j] / D[i])
            yield from zip(number[i].ravel(), number[j].ravel(), w.ravel(), z.ravel(), strict=True)

    def exit(self, k, end):
        """Rates (n,) through a side half a cell away."""
        out = np.zeros(self.shape)
        where = [slice(None)] * len(self.shape)
        where[k] = 0 if end == "lower" else -1
        where = tuple(where)
        a, v = self.D[k][where] / self.beta, self.drift[k][where] * (-1 if end == "lower" else 1)
        out[where] = 2 * a / self.h[k] ** 2 * bernoulli(-v * self.h[k] / 2 / a)
        return out.ravel()

    def generator(self):
        """A (n, n), rates from columns to rows."""
        A = np.zeros((self.n, self.n))
        for i, j, w, z in self.pairs:
            A[j, i] += w * bernoulli(-z)
            A[i, j] += w * bernoulli(z)
        A -= np.diag(A.sum(axis=0) + sum(self.exits.values()))
        return A

    def ended(self, label):
        """Backward matrix of the free cells, and rates (2, free) into sets that begin at faces."""
        A, into = np.zeros((self.n, self.n)), np.zeros((2, self.n))
        for i, j, w, z in self.pairs:
            for a, b, tilt in ((i, j, z), (j, i, -z)):
                if label[a] >= 0:
                    continue
                if label[b] >= 0:
                    rate = 2 * w * bernoulli(-tilt / 2)
                    into[label[b], a] += rate
                else:
                    rate = w * bernoulli(-tilt)
                    A[a, b] += rate
                A[a, a] -= rate
        free = label < 0
        return A[np.ix_(free, free)], into[:, free]


def close(name, ours, right, digits):
    """Raise unless two arrays agree relative to the largest entry."""
    gap = float(np.abs(np.asarray(ours) - right).max())
    if not gap <= digits * float(np.abs(right).max()):
        raise AssertionError(f"{name}: {gap:.3g} of {float(np.abs(right).max()):.3g}")


def lost(matrix):
    """Relative error of a dense solution, whose diagonal entries are differences."""
    return 1e-9 + 10 * np.finfo(float).eps * np.linalg.cond(matrix)


def check(case):
    """All comparisons of one problem; their names."""
    problem, A, done = case.problem, case.generator(), []
    V = float(problem.grid.volume)
    p0 = case.rng.exponential(size=case.n)
    p0 /= p0.sum()
    t = 10 ** case.rng.uniform(-2, 2) / -A.diagonal().min()
    sol = fp.solve(problem, p0.reshape(case.shape) / V, [0, t], scheme="markov", steady=False)
    close("transient", sol.rho[-1].ravel() * V, expm(t * A) @ p0, 1e-9)
    values, vectors = np.linalg.eig(A)
    decays = np.sort(-values.real)
    # Dense eigenvalues are right to rounding of the fastest rates times their own condition.
    rounding = 1e-14 * decays[-1] * np.linalg.cond(vectors)
    first = 0 if case.leaks else 1
    gap = fp.spectrum(problem, 2, scheme="markov").gap
    if abs(gap - decays[first]) > 1e-7 * decays[first] + rounding:
        raise AssertionError(f"gap: {gap:.9g}, not {decays[first]:.9g}")
    done += ["transient", "gap"]
    if case.leaks:
        tau = np.linalg.solve(A.T, -np.ones(case.n))
        second = np.linalg.solve(A.T, -2 * tau)
        times = fp.mfpt(problem, scheme="markov")
        close("passage times", times.mean.ravel(), tau, lost(A))
        close("their variance", times.variance.ravel(), second - tau**2, 1e3 * lost(A))
        found = fp.exit_probabilities(
            problem, sides := problem.grid.sides_of("absorbing"), scheme="markov"
        ).probability
        for side, chance in zip(sides, found, strict=True):
            right = np.linalg.solve(A.T, -case.exits[side.axis, side.end])
            if np.abs(chance.ravel() - right).max() > lost(A):
                raise AssertionError(f"exits through {side}")
        rate = fp.quasi_stationary(problem).decay_rate
        if abs(rate - decays[0]) > 1e-7 * decays[0] + rounding:
            raise AssertionError(f"decay: {rate:.9g}, not {decays[0]:.9g}")
        return [*done, "passage", "exits", "decay"]
    M = np.vstack([A / -A.diagonal().min(), np.ones(case.n)])
    pi = np.linalg.lstsq(M, np.append(np.zeros(case.n), 1.0), rcond=None)[0]
    state = fp.steady_state(problem, scheme="markov")
    close("steady state", state.rho.ravel() * V, pi, 1e-8)
    label = np.full(case.n, -1)
    label[0] = 0
    label[case.n // 2 + (case.shape[-1] // 2 if problem.grid.dim > 1 else 0)] = 1
    if any({label[i], label[j]} == {0, 1} for i, j, _, _ in case.pairs):
        return [*done, "steady state"]
    masks = [(label == k).reshape(case.shape) for k in (0, 1)]
    M, into = case.ended(label)
    paths = fp.committor(problem, *masks, scheme="markov")
    q = np.linalg.solve(M, -into[1])
    if np.abs(paths.forward.ravel()[label < 0] - q).max() > lost(M):
        raise AssertionError("committor")
    M, into = case.ended(np.where(label == 1, 1, -1))
    tau = np.linalg.solve(M, -np.ones(len(M)))
    ours = fp.mfpt(problem, masks[1], scheme="markov").mean.ravel()[label != 1]
    close("times", ours, tau, lost(M))
    return [*done, "steady state", "committor", "times"]


def main(cases, seed):
    """Number of problems in which something differs."""
    counts, bad, began = {}, 0, time.perf_counter()
    for k in range(cases):
        try:
            for name in check(Case([seed, k])):
                counts[name] = counts.get(name, 0) + 1
        except Exception:
            bad += 1
            print(f"problem {k} of seed {seed}: {traceback.format_exc(limit=-2)}", flush=True)
    seconds = time.perf_counter() - began
    print(f"{cases} problems, seed {seed}, {seconds:.0f} s: {bad} differ;", counts)
    return bad


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.independent", description=__doc__)
    parser.add_argument("--cases", type=int, default=500)
    parser.add_argument("--seed", type=int, default=secrets.randbelow(2**32))
    options = parser.parse_args()
    sys.exit(main(options.cases, options.seed) > 0)
