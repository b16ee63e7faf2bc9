"""Slide 24: what makes SGD special? Circulation: it costs entropy and speeds relaxation up.

Two sweeps. (a) R29: the same steady state, Phi = x.Ux/2 with U = diag(1, 10) and D = 1, with more
and more circulation Q = [[0, q], [-q, 0]]: the spectral gap grows from 1 to tr(DU)/d = 5.5, the
largest possible, and entropy is produced at the rate 11 q^2. (b) R2: the loss x.Hx/2 under noise
D = diag(1, d2), from isotropic to one-sided, and under the same noise turned: what circulates is
that D and H do not commute.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fokkerplanck import zoo
from fokkerplanck.demos.talk.slide import Finding, Slide
from fokkerplanck.demos.text import aligned
from fokkerplanck.modes import spectrum
from fokkerplanck.plot import canvas
from fokkerplanck.steady import steady_state

SLIDE = Slide(
    24,
    "Punchline",
    "is SGD special? Its noise is not isotropic, so that it circulates where plain descent or "
    "isotropic noise would not.",
)
#: Angle of the flatter axis of H = [[2, -1], [-1, 1.5]], radians: 52.0 degrees.
ALIGNED = float(np.arctan2(1, (np.sqrt(17) - 1) / 4))
QUICK = {"n": 48, "strengths": (0.0, 2.0), "anisotropies": (1.0, 0.2)}


@dataclass(frozen=True, eq=False)
class Result:
    """Sweeps over q and over d2, computed next to exact; arrays of one length each."""

    q: np.ndarray
    gap: np.ndarray
    gap_exact: np.ndarray
    EP_q: np.ndarray
    EP_q_exact: np.ndarray
    d2: np.ndarray
    EP_d2: np.ndarray
    EP_d2_exact: np.ndarray
    gap_d2: np.ndarray
    EP_aligned: np.ndarray  # at every d2, with D turned into the axes of H

    @property
    def off_gibbs(self) -> np.ndarray:
        """KL from Gibbs of the aligned states: variances 1 and d2 times those of Gibbs."""
        return (self.d2 - 1 - np.log(self.d2)) / 2


def compute(
    n=96,
    strengths=(0.0, 0.5, 1.0, 1.5, 2.0, 3.0),
    anisotropies=(1.0, 0.8, 0.6, 0.4, 0.2, 0.1, 0.05),
    seed=0,
    progress=False,
) -> Result:
    """Steady states and spectra of both sweeps on n cells per axis."""
    first = [_measured(zoo.accelerated(q), n) for q in strengths]
    second = [_measured(zoo.gyrator(d2=d2), n) for d2 in anisotropies]
    turned = [zoo.gyrator(d2=d2, angle=ALIGNED).build(n) for d2 in anisotropies]
    EP_aligned = np.array([steady_state(problem).entropy_production for problem in turned])
    gap, EP_q, gap_exact, EP_q_exact = np.array(first).T
    gap_d2, EP_d2, _, EP_d2_exact = np.array(second).T
    return Result(
        np.array(strengths), gap, gap_exact, EP_q, EP_q_exact, np.array(anisotropies), EP_d2,
        EP_d2_exact, gap_d2, EP_aligned,
    )  # fmt: skip


def _measured(exact, n):
    """Gap and entropy production on the grid, and exact ones."""
    problem = exact.build(n)
    return (
        spectrum(problem, 3).gap,
        steady_state(problem).entropy_production,
        -exact.eigenvalues[0].real,
        exact.entropy_production,
    )


def finding(result) -> Finding:
    """Gap against q, entropy production against d2."""
    return Finding(
        "shown",
        f"With the steady state held fixed, circulation raises the gap from {result.gap[0]:.2f} to "
        f"{result.gap.max():.2f} (exact {result.gap_exact[0]:g} to {result.gap_exact.max():g}). "
        f"For a loss, entropy production falls from {result.EP_d2.max():.2f} at d2 = "
        f"{result.d2[-1]:g} to {result.EP_d2[0]:.4f} at d2 = 1, isotropic noise. It is not "
        "anisotropy that circulates, but that D and Hess f do not commute: with the same D turned "
        f"by {np.degrees(ALIGNED):.1f}°, into the axes of H, entropy production is "
        f"{result.EP_aligned.max():.0e} or less at every d2, and there the steady state is "
        f"furthest from Gibbs (KL {result.off_gibbs[-1]:.3f} at d2 = {result.d2[-1]:g}). To be "
        "wrong and to turn are two things.",
    )


def table(result) -> str:
    """Both sweeps next to exact values."""
    rows = [("R29: q", "gap", "exact; entropy production and exact")]
    for q, a, b, c, d in zip(
        result.q, result.gap, result.gap_exact, result.EP_q, result.EP_q_exact, strict=True
    ):
        rows.append((f"{q:g}", f"{a:.5f}", f"{b:.7f}; {c:.4f}, {d:.4f}"))
    rows.append(("R2: d2", "entropy production", "exact; gap (exact 0.7192235936 for all)"))
    for d2, a, b, c in zip(result.d2, result.EP_d2, result.EP_d2_exact, result.gap_d2, strict=True):
        rows.append((f"{d2:g}", f"{a:.6f}", f"{b:.10f}; {c:.5f}"))
    rows.append(("R2 with D turned by 52.0°: d2", "entropy production", "exact 0; KL to Gibbs"))
    for d2, a, b in zip(result.d2, result.EP_aligned, result.off_gibbs, strict=True):
        rows.append((f"{d2:g}", f"{a:.0e}", f"{b:.4f}"))
    return aligned(rows)


def figure(result):
    """Gap and entropy production against q; entropy production against d2."""
    sheet = canvas(11, 3.6)
    left, middle, right = sheet.subplots(1, 3)
    q = np.linspace(0, result.q.max(), 301)
    # Least real part of the roots of s^2 - 11 s + 10 (1 + q^2).
    exact = (11 - np.sqrt(np.maximum(81 - 40 * q**2, 0))) / 2
    left.plot(q, exact, "k", lw=1, label="exact")
    left.plot(result.q, result.gap, "o", color="C0", label="on the grid")
    left.axhline(5.5, color="0.6", ls=":", lw=1)
    left.annotate("tr(DU)/d = 5.5", (0.05, 5.5), xytext=(2, 4), textcoords="offset points")
    left.set(xlabel="q", ylabel="spectral gap", title="circulation speeds relaxation up,")
    left.set_ylim(0, 6.4)
    left.legend(loc="lower right")
    middle.plot(q, 11 * q**2, "k", lw=1)
    middle.plot(result.q, result.EP_q, "o", color="C0")
    middle.set(xlabel="q", ylabel="entropy production", title="and costs entropy; same ρss")
    d2 = np.geomspace(0.04, 1, 40)
    right.semilogx(d2, [zoo.gyrator(d2=d).entropy_production for d in d2], "k", lw=1)
    right.semilogx(result.d2, result.EP_d2, "o", color="C1", label="D = diag(1, d₂)")
    right.semilogx(
        result.d2, result.EP_aligned, "s", color="C2", label="D turned into the axes of H"
    )
    right.legend(fontsize="small")
    right.set_xticks([0.05, 0.1, 0.2, 0.5, 1], ["0.05", "0.1", "0.2", "0.5", "1"])
    right.minorticks_off()
    right.set(xlabel="d₂, smaller eigenvalue of D", ylabel="entropy production")
    right.set_title("a loss: only if [D, H] ≠ 0")
    return sheet
