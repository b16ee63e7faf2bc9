"""Slide 17: how anisotropic minibatch noise is, and what its statistics can mean.

The networks of the talk need CIFAR and are out of reach here. Two things are not: the noise of
small networks on Fisher's flowers, and an inequality that mean, deviation and rank over all d
eigenvalues obey whatever the network.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fokkerplanck.demos.talk.net import Net
from fokkerplanck.demos.talk.slide import Finding, Slide
from fokkerplanck.demos.text import aligned
from fokkerplanck.plot import canvas
from fokkerplanck.sgd.gradient_noise import NoiseSpectrum, least_ratio, noise_spectrum

SLIDE = Slide(
    17,
    "Deep networks have highly non-isotropic noise",
    "eigenvalues of D are 0.27 ± 0.84 on CIFAR-10 and 0.98 ± 2.16 on CIFAR-100, its rank is 0.34 "
    "and 0.47 percent of the number of weights.",
)
QUICK = {"widths": (4, 16), "steps": 200}
#: Reported mean, deviation and rank share (Chaudhari and Soatto, arXiv:1710.11029, Section 4).
REPORTED = {"CIFAR-10": (0.27, 0.84, 0.0034), "CIFAR-100": (0.98, 2.16, 0.0047)}


@dataclass(frozen=True, eq=False)
class Result:
    """Spectra of D by the width of the network."""

    spectra: dict[int, NoiseSpectrum]


def compute(widths=(4, 32, 256), steps=1000, seed=0, progress=False) -> Result:
    """Train networks of several widths, take the noise of their gradients."""
    spectra = {}
    for width in widths:
        net = Net(width)
        theta = net.trained(np.random.default_rng(seed), steps)
        spectra[width] = noise_spectrum(net.gradients(theta), "float32")
    return Result(spectra)


def finding(result) -> Finding:
    """Low rank holds here too; the printed numbers are not over all eigenvalues."""
    widest = list(result.spectra.values())[-1]
    mean, deviation, share = REPORTED["CIFAR-10"]
    return Finding(
        "needs a condition",
        f"noise of low rank is seen here too ({widest.rank} of {widest.d} eigenvalues). The "
        f"printed mean and deviation cannot be over all of them: at a rank of {share:.2%} their "
        f"ratio is at least {least_ratio(share):.1f}, printed is {deviation / mean:.1f}; they must "
        "be over non-zero or over clipped ones. The networks of the talk are out of reach here.",
    )


def table(result) -> str:
    """Statistics three ways, and the inequality for the printed numbers."""
    rows = []
    for width, s in result.spectra.items():
        name = f"4-{width}-3, {s.d} weights"
        rows.append((f"{name}: rank of D", f"{s.rank}", f"{s.rank_share:.2%}; at most 149 flowers"))
        for which, (mean, deviation) in (
            ("all", s.of_all), ("non-zero", s.of_nonzero), ("clipped", s.of_clipped)
        ):  # fmt: skip
            remark = f"deviation over mean {deviation / mean:.2f}" if mean else ""
            if which == "all":
                remark += f", at least {least_ratio(s.rank_share):.2f}"
            rows.append((f"  eigenvalues, {which}", f"{mean:.1e} ± {deviation:.1e}", remark))
    for name, (mean, deviation, share) in REPORTED.items():
        rows.append(
            (
                f"printed for {name}",
                f"{mean} ± {deviation}",
                f"ratio {deviation / mean:.1f}; over all d at least {least_ratio(share):.1f}",
            )
        )
    return aligned(rows)


def figure(result):
    """Spectra, and the ratio of deviation to mean against rank."""
    sheet = canvas(9, 3.6)
    left, right = sheet.subplots(1, 2)
    for width, s in result.spectra.items():
        kept = s.eigenvalues[s.eigenvalues > s.threshold]
        left.loglog(
            np.arange(1, kept.size + 1) / s.d, kept / kept[0], ".-", ms=4,
            label=f"4-{width}-3, {s.d} weights",
        )  # fmt: skip
    left.set(xlabel="place of the eigenvalue over d", ylabel="eigenvalue of D over the largest")
    left.set_title("noise of small networks on iris")
    left.legend(fontsize="small")
    p = np.geomspace(2e-3, 0.9, 200)
    right.loglog(p, np.sqrt(1 / p - 1), "k", label="least possible, all d equal or zero")
    for k, (width, s) in enumerate(result.spectra.items()):
        mean, deviation = s.of_all
        right.plot(s.rank_share, deviation / mean, "o", color=f"C{k}", label=f"4-{width}-3, all d")
    for marker, (name, (mean, deviation, share)) in zip("sD", REPORTED.items(), strict=True):
        right.plot(share, deviation / mean, marker, color="C3", label=f"printed for {name}")
    right.set(xlabel="rank over d", ylabel="deviation over mean of the eigenvalues")
    right.set_title("below the line: not over all d")
    right.legend(fontsize="x-small")
    return sheet
