"""Slide 4: a binary perceptron has many sharp minima and few wide ones, by counting them all.

All weights in {-1, 1}^15 are tried on 9 random patterns. A solution that no single flip turns
into another one is sharp. The local entropy at distance d is the log of the number of solutions
within d flips: wide regions are those where it is large although solutions are rare.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import comb

from fokkerplanck import zoo
from fokkerplanck.demos.talk.slide import Finding, Slide
from fokkerplanck.demos.text import aligned
from fokkerplanck.plot import canvas
from fokkerplanck.zoo import Perceptron

SLIDE = Slide(
    4,
    "A bit of statistical physics",
    "a binary perceptron has many sharp minima and few wide ones; the wide ones, a phenomenon of "
    "large deviations, generalize better.",
)
QUICK = {"instances": 6}
PATTERNS = (5, 7, 9, 11)


@dataclass(frozen=True, eq=False)
class Result:
    """One perceptron in full, and counts of others."""

    perceptron: Perceptron
    around: np.ndarray  # (distances, solutions): solutions within a distance of each
    densest: np.ndarray  # (distances,): the most solutions around any of the 2^N weights
    counts: dict[int, np.ndarray]  # by patterns (instances, 2): solutions and isolated ones


def compute(instances=20, seed=0, progress=False) -> Result:
    """Count in full; other instances have other patterns."""
    perceptron = zoo.binary_perceptron(seed=seed)
    distances = range(perceptron.n_weights + 1)
    around = np.array([perceptron.within(d, perceptron.solutions) for d in distances])
    densest = np.array([perceptron.within(d).max() for d in distances])
    counts = {P: np.array([_count(P, seed + k) for k in range(instances)]) for P in PATTERNS}
    return Result(perceptron, around, densest, counts)


def _count(n_patterns, seed):
    """Solutions and isolated ones."""
    perceptron = zoo.binary_perceptron(n_patterns=n_patterns, seed=seed)
    return len(perceptron.solutions), int(perceptron.is_isolated.sum())


def _estimate(n_patterns, N=15):
    """Share of isolated solutions if flips were independent: e^(-N p^P), p that a pattern stays.

    It tends to 1 for large N at fixed P/N, since 1 - p falls only as the root of 1/N.
    """
    # A pattern changes class if its margin is 1, the least, and one of the (N + 1)/2 bits that
    # agree with it is flipped.
    least = comb(N, N // 2, exact=True) / 2 ** (N - 1)
    return float(np.exp(-N * (1 - least * (N + 1) / (2 * N)) ** n_patterns))


def _by_chance(result):
    """Mean number of solutions within each distance of a random weight."""
    N = result.perceptron.n_weights
    ball = np.cumsum([comb(N, d, exact=True) for d in range(N + 1)])
    return len(result.perceptron.solutions) * ball / 2**N


def finding(result) -> Finding:
    """Sharp ones are many where patterns are."""
    n, isolated = len(result.perceptron.solutions), int(result.perceptron.is_isolated.sum())
    few, many = (_share(result.counts[P]) for P in (PATTERNS[0], PATTERNS[-1]))
    return Finding(
        "needs a condition",
        f"with 15 weights sharp minima do not prevail: over {len(result.counts[9])} sets of 9 "
        f"patterns {_share(result.counts[9]):.0%} of those that make no error are isolated, "
        f"{few:.0%} with {PATTERNS[0]} patterns, {many:.0%} with {PATTERNS[-1]}. The set that is "
        f"drawn, {isolated} isolated ones of {n}, is an extreme one, chosen as a picture of what "
        "many weights do. Whether wide ones generalize better is not tested: random patterns have "
        "no teacher.",
    )


def _share(counts):
    """Share of isolated ones among all solutions."""
    total, alone = counts.sum(axis=0)
    return alone / max(total, 1)


def table(result) -> str:
    """Counts."""
    n, isolated = len(result.perceptron.solutions), int(result.perceptron.is_isolated.sum())
    chance = _by_chance(result)
    rows = [
        ("solutions", f"{n}", "of 32768 weights; 9 patterns of 15 bits"),
        ("isolated ones", f"{isolated}", "no other solution one flip away"),
    ]
    wide = result.around[:, ~result.perceptron.is_isolated]
    for d in (1, 2, 3, 4):
        rows.append(
            (f"solutions within {d} flips", f"{result.around[d].mean():.2f}",
             f"mean of all; of wide ones {wide[d].mean():.2f}, best weight "
             f"{result.densest[d]}, by chance {chance[d]:.3f}")
        )  # fmt: skip
    for P, counts in result.counts.items():
        total, alone = counts.sum(axis=0)
        rows.append(
            (f"isolated, {P} patterns", f"{_share(counts):.1%}",
             f"{alone} of {total} in {len(counts)} sets; independent flips {_estimate(P):.1%}")
        )  # fmt: skip
    return aligned(rows)


def figure(result):
    """Errors of all weights; local entropy against distance; isolation over instances."""
    sheet = canvas(12, 3.6)
    left, middle, right = sheet.subplots(1, 3, width_ratios=[1, 1.3, 1])
    perceptron = result.perceptron
    levels, counts = np.unique(perceptron.errors, return_counts=True)
    left.bar(levels, counts, color=["C3" if level == 0 else "0.7" for level in levels])
    left.set(yscale="log", xlabel="patterns classified wrongly", ylabel="number of weights")
    left.set_title(f"one set of 9 patterns: {len(perceptron.solutions)} make no error")

    d = np.arange(len(result.densest))
    isolated = perceptron.is_isolated
    sharp = middle.plot(d, np.log(result.around[:, isolated]), color="0.7", lw=0.8)[0]
    wide = middle.plot(d, np.log(result.around[:, ~isolated]), color="C3", lw=1.6)
    best = middle.plot(d, np.log(np.maximum(result.densest, 1e-9)), "C0.-")[0]
    chance = middle.plot(d, np.log(_by_chance(result)), "k--", lw=0.8)[0]
    sharp.set_label("around an isolated solution")
    for line in wide[:1]:
        line.set_label("around a wide one")
    best.set_label("around the best weight")
    chance.set_label("around a random weight, mean")
    middle.set(xlabel="distance in flips", ylabel="log of solutions within", ylim=(-1, None))
    middle.set_title("local entropy")
    middle.legend(fontsize="small")

    P = np.array(PATTERNS)
    right.plot(P, [_share(counts) for counts in result.counts.values()], "C3o-", label="counted")
    right.plot(P, [_estimate(p) for p in P], "k--", lw=0.8, label="if flips were independent")
    right.set(xlabel="number of patterns", ylabel="share of isolated solutions", ylim=(0, 1))
    right.set_title(f"sharp solutions, {len(result.counts[9])} sets of patterns")
    right.legend(fontsize="small", loc="upper left")
    return sheet
