"""Slide 20: spectra of SGD increments, with the right null hypothesis and with positive controls.

Near a minimum SGD is x' = (1 - eta F) x + noise, and the spectrum of its increments is known
exactly: S(w) = |e^iw - 1|^2 (e^iw - A)^-1 C (e^-iw - A^T)^-1 with A = 1 - eta F, C = 2 kT eta D.
Increments of a stationary path are never white: S vanishes at w = 0. For a true loss (F = H) every
power spectrum in the eigenbasis of H is that of an AR(1) process, whatever circulates. In other
directions the cross terms of D can make a hump; without circulation, [H, D] = 0, none has one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fokkerplanck import sde, sgd, zoo
from fokkerplanck.demos.talk.slide import Finding, Slide
from fokkerplanck.demos.text import aligned
from fokkerplanck.plot import canvas
from fokkerplanck.steady import steady_state

SLIDE = Slide(
    20,
    "Trajectories of SGD",
    "the FFT of x_{k+1} − x_k over 10⁵ epochs is not flat, as it would be for white noise: SGD "
    "moves on limit cycles.",
)
QUICK = {"steps": 1200, "particles": 60}
ETA, BURN_IN = 0.05, 300
LENGTH = 1024  # snapshots per segment: many, or the window would smear the peak of R3
SHORT = 256  # snapshots per segment of the controls, which need less
MOMENTUM, MOMENTUM_ETA = 0.9, 0.1
MODELS = ("gyrator", "spiral")
#: Second eigenvalues of D whose humps are listed.
ANISOTROPIES = (0.2, 0.1, 0.05, 0.01)


@dataclass(frozen=True, eq=False)
class Result:
    """Measured spectra and areas of the linear models; controls."""

    exact: dict[str, zoo.Exact]
    seen: dict[str, sde.IncrementSpectrum]
    area: dict[str, sde.Estimate]
    ball: sde.IncrementSpectrum
    cycle: sde.IncrementSpectrum
    cycle_frequency: float
    angles: np.ndarray  # of the heavy ball, cycles per step


def compute(steps=4000, particles=300, seed=0, progress=False) -> Result:
    """Simulate the two linear models, the heavy ball and a noisy limit cycle."""
    exact, seen, area = {}, {}, {}
    for model in MODELS:
        case = exact[model] = zoo.sgd_increments(model, ETA)
        # Euler's step at dt = eta is SGD with Gaussian noise.
        paths = sde.simulate(
            case.build(16), [0.0, 0.0], dt=ETA, steps=BURN_IN + steps, n_particles=particles,
            burn_in=BURN_IN, thin=1, seed=seed, progress=progress,
        )  # fmt: skip
        seen[model] = sde.increment_spectrum(paths, length=LENGTH)
        area[model] = sde.levy_area(paths)
    H, D = exact["gyrator"].data["F"], exact["gyrator"].diffusion(0.0, 0.0)
    ball = sgd.run(
        lambda theta, _: H @ theta + _four_points(D)[:, :, None], [0.0, 0.0], MOMENTUM_ETA, 1,
        BURN_IN + steps, n_particles=particles, momentum=MOMENTUM, burn_in=BURN_IN, thin=1,
        seed=seed, progress=progress,
    )  # fmt: skip
    cycle = zoo.stuart_landau()
    problem = cycle.build(64)
    start = sde.from_density(problem.grid, steady_state(problem).rho, particles, seed)
    turning = sde.simulate(
        problem, start, dt=0.05, steps=2 * steps, thin=2, scheme="weak2", seed=seed,
        interpolate=True, progress=progress,
    )  # fmt: skip
    M, _ = zoo.heavy_ball(H, D, MOMENTUM_ETA, MOMENTUM)
    angles = np.unique(np.abs(np.angle(np.linalg.eigvals(M))).round(12)) / (2 * np.pi)
    return Result(
        exact, seen, area, sde.increment_spectrum(ball, spacing=1.0, length=SHORT),
        sde.increment_spectrum(turning, length=SHORT), cycle.reference["cycle_frequency"], angles,
    )  # fmt: skip


def _four_points(D):
    """Four vectors of mean 0 and covariance D: gradients of four samples."""
    root = np.sqrt(2) * np.linalg.cholesky(D)
    return np.stack([root[:, 0], -root[:, 0], root[:, 1], -root[:, 1]])


def _expected(case, omega):
    """Exact spectral matrix."""
    return zoo.increment_psd(case.data["A"], case.data["C"], omega)


def _misfit(result, model):
    """Root mean square deviation of the measured power spectra, in standard errors."""
    seen = result.seen[model]
    keep = slice(4, -1)  # without the lowest frequencies, which the window smears
    off = (seen.value - _expected(result.exact[model], seen.omega)).real / np.where(
        seen.error.real > 0, seen.error.real, 1
    )
    return float(np.sqrt(np.mean([off[k, k, keep] ** 2 for k in range(2)])))


def _quadrature(result, model):
    """Im S12 where it is largest in exact terms, at the nearest frequency: measured and exact."""
    seen = result.seen[model]
    where = result.exact[model].moments["quadrature"][0]
    k = int(np.argmin(np.abs(seen.omega / ETA - where)))
    exact = float(_expected(result.exact[model], seen.omega[k])[0, 1].imag)
    return seen.omega[k] / ETA, seen.value[0, 1, k].imag, seen.error[0, 1, k].imag, exact


def _peak(spectrum, unit):
    """Frequency of the largest power along the first axis."""
    return spectrum.omega[np.argmax(spectrum.value[0, 0].real)] / unit


def _hump(d2):
    """Place ω/η of the largest S22 of R2, exactly, and its height over that at the end ω = π."""
    case = zoo.sgd_increments("gyrator", ETA, d2=d2)
    where, height = case.moments["peaks"][1]
    return where, height / _expected(case, np.pi)[1, 1].real


def finding(result) -> Finding:
    """Not flat is the rule; what shows j is another quantity."""
    _, value, error, _ = _quadrature(result, "gyrator")
    area = result.area["gyrator"]
    return Finding(
        "fails as printed",
        "a spectrum that is not flat shows no cycle: increments of any stationary path have none "
        "at frequency 0, and white noise is the wrong null. For a true loss near its minimum, with "
        "constant D, no power spectrum along an eigenvector of H has a peak, however j circulates. "
        "In other coordinates the cross terms of D can make a hump: S₂₂ of R2 exceeds its end by "
        f"{_hump(ANISOTROPIES[0])[1] - 1:.1%} at d₂ = {ANISOTROPIES[0]:g} and is "
        f"{_hump(ANISOTROPIES[-1])[1]:.1f} times its end at d₂ = {ANISOTROPIES[-1]:g} (measured "
        f"spectra agree to {_misfit(result, 'gyrator'):.1f} standard errors rms). Without momentum "
        "such a hump implies j ≠ 0, at a frequency that is none of j's; no hump implies nothing. "
        f"What shows j at any D is the quadrature spectrum ({abs(value / error):.0f} standard "
        f"errors from 0) and the Lévy area {area.value[0, 1]:.4f} ± {area.error[0, 1]:.4f}. A "
        "heavy ball, as used in that run, makes peaks of its own.",
    )


def table(result) -> str:
    """Measured beside exact."""
    rows = []
    for model, name in zip(MODELS, ("R2, a true loss", "R3, not a gradient"), strict=True):
        moments = result.exact[model].moments
        where, value, error, there = _quadrature(result, model)
        area = result.area[model]
        peaks = [f"{w:.4f}" if np.isfinite(w) else "none" for w, _ in moments["peaks"]]
        rows += [
            (f"{name}: misfit of S11, S22", f"{_misfit(result, model):.2f}",
             "standard errors, rms; expected 1"),
            ("  exact peaks, ω/η", ", ".join(peaks),
             f"measured: S11 largest at {_peak(result.seen[model], ETA):.2f}"),
            (f"  Im S12 at ω/η = {where:.2f}", f"{value:.6f}", f"± {error:.6f}; exact {there:.6f}"),
            ("  exact extremum of Im S12", f"{moments['quadrature'][1]:.8f}",
             f"at ω/η = {moments['quadrature'][0]:.3f}"),
            ("  Lévy area per time", f"{area.value[0, 1]:.5f}",
             f"± {area.error[0, 1]:.5f}; exact {moments['levy_rate_discrete']:.7f}"),
            ("  of the equation, T q", f"{moments['levy_rate']:.7f}", ""),
        ]  # fmt: skip
    for d2 in ANISOTROPIES:
        where, height = _hump(d2)
        rows.append(
            (
                f"R2, d2 = {d2:g}: largest S22 over its end",
                f"{height:.4f}",
                f"exact, at ω/η = {where:.3f}; implies j ≠ 0",
            )
        )
    rows += [
        ("heavy ball: largest power", f"{_peak(result.ball, 2 * np.pi):.4f}",
         "cycles/step; exact {:.7f}, {:.7f}".format(*result.angles)),
        ("R24, limit cycle: largest power", f"{_peak(result.cycle, result.cycle.spacing):.3f}",
         f"radians per time; cycle of the drift {result.cycle_frequency:g}"),
    ]  # fmt: skip
    return aligned(rows)


def figure(result):
    """Power spectra with the null, the quadrature spectra, the controls."""
    sheet = canvas(13, 7)
    axes = sheet.subplots(2, 3)
    _power(axes[0, 0], result, "gyrator", "R2: a true loss, d₂ = 0.2, j ≠ 0")
    _power(axes[0, 1], result, "spiral", "R3: g is no gradient, peaks")
    _null(axes[0, 2], result)
    _cross(axes[1, 0], result, "gyrator", "R2: Im S₁₂ shows j")
    _humps(axes[1, 1])
    _controls(axes[1, 2], result)
    return sheet


def _power(ax, result, model, title):
    """Measured S11, S22 with the exact curves."""
    seen = result.seen[model]
    fine = np.linspace(1e-3, np.pi, 600)
    exact = _expected(result.exact[model], fine)
    for k in range(2):
        ax.fill_between(
            seen.omega / ETA, *(seen.value[k, k].real + s * 3 * seen.error[k, k].real
                                for s in (-1, 1)), color=f"C{k}", alpha=0.35, lw=0,
        )  # fmt: skip
        ax.plot(fine / ETA, exact[k, k].real, color=f"C{k}", label=f"S{'₁₂'[k] * 2}")
    ax.set(title=title, xlabel="ω/η", xlim=(0, 25), ylim=(0, None))
    ax.legend(fontsize="small", title="band: 3 errors")


def _cross(ax, result, model, title):
    """Measured Im S12 with the exact curve."""
    seen = result.seen[model]
    fine = np.linspace(1e-3, np.pi, 600)
    value, error = seen.value[0, 1].imag, seen.error[0, 1].imag
    ax.fill_between(seen.omega / ETA, value - 3 * error, value + 3 * error, color="C2", alpha=0.35,
                    lw=0)  # fmt: skip
    ax.plot(fine / ETA, _expected(result.exact[model], fine)[0, 1].imag, color="C2")
    ax.axhline(0, color="k", lw=0.8)
    ax.set(title=title, xlabel="ω/η", xlim=(0, 25))


def _humps(ax):
    """S22 of R2 over its end for several D, exactly: what anisotropy makes of it."""
    omega = np.linspace(1e-3, np.pi, 800)
    for k, d2 in enumerate(ANISOTROPIES):
        S = _expected(zoo.sgd_increments("gyrator", ETA, d2=d2), omega)[1, 1].real
        ax.plot(omega / ETA, S / S[-1], color=f"C{k}", label=f"d₂ = {d2:g}")
        where, height = _hump(d2)
        ax.plot(where, height, "o", ms=5, color=f"C{k}")
    ax.axhline(1, color="k", ls="--", lw=1)
    ax.set(
        title="R2: S₂₂ over its end; a hump implies j ≠ 0",
        xlabel="ω/η",
        yscale="log",
        xlim=(0, 25),
        ylim=(0.1, 20),
    )
    ax.legend(fontsize="small")


def _null(ax, result):
    """Spectra in the eigenbasis of H, against white noise and AR(1)."""
    case = result.exact["gyrator"]
    values, vectors = np.linalg.eigh(case.data["F"])
    omega = np.linspace(1e-3, np.pi, 400)
    S = np.einsum("ik,ijn,jk->kn", vectors, _expected(case, omega).real, vectors)
    for k, rate in enumerate(values):
        C = vectors[:, k] @ case.data["C"] @ vectors[:, k]
        ax.plot(omega / ETA, S[k] / C, color=f"C{k}", label=f"R2 along mode {k + 1}")
        null = zoo.autoregressive_psd(1 - ETA * rate, 1.0, omega[::16])
        ax.plot(omega[::16] / ETA, null, "o", ms=5, mfc="none", color=f"C{k}", label="AR(1)")
    ax.axhline(1, color="k", ls="--", lw=1, label="white noise")
    ax.set(title="stationary increments are not white", xlabel="ω/η", ylabel="S over noise",
           xlim=(0, 25), ylim=(0, 1.25))  # fmt: skip
    ax.legend(fontsize="small", loc="lower right")


def _controls(ax, result):
    """Heavy ball and limit cycle: these have peaks."""
    ball, cycle = result.ball, result.cycle
    for k in range(2):
        power = ball.value[k, k].real
        ax.plot(ball.omega / (2 * np.pi), power / power.max(), color=f"C{k}",
                label=f"heavy ball, S{'₁₂'[k] * 2}")  # fmt: skip
        ax.axvline(result.angles[k], color="0.6", lw=1)
    power = cycle.value[0, 0].real
    ax.plot(cycle.omega / (2 * np.pi), power / power.max(), color="C3", label="limit cycle R24")
    ax.axvline(result.cycle_frequency * cycle.spacing / (2 * np.pi), color="C3", ls=":", lw=1.5)
    ax.set(title="positive controls (lines: known frequencies)", xlabel="cycles per step",
           ylabel="S over its largest", xlim=(0, 0.25), ylim=(0, 1.1))  # fmt: skip
    ax.legend(fontsize="small")
