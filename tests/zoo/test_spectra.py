"""Spectra of SGD increments against printed numbers, integrals and simulated paths."""

import numpy as np
import pytest

import fokkerplanck as fp
from fokkerplanck import zoo


def spectrum_of(exact, omega):
    return zoo.increment_psd(exact.data["A"], exact.data["C"], omega)


def test_printed_numbers():
    gyrator, spiral = zoo.sgd_increments(), zoo.sgd_increments("spiral")
    assert gyrator.moments["levy_rate_discrete"] == pytest.approx(0.0235294, abs=5e-8)
    assert gyrator.moments["levy_rate"] == pytest.approx(0.0228571429, abs=5e-11)
    np.testing.assert_allclose(gyrator.moments["quadrature"], [3.279, 0.00152033], rtol=1e-4)
    np.testing.assert_allclose(spiral.moments["quadrature"], [2.184, -0.0180172], rtol=1e-4)
    np.testing.assert_allclose(spiral.moments["peaks"][:, 0], [2.2255, 2.1960], rtol=1e-4)
    # R2 has no peak along the first axis, and along the second a hump of 0.8 percent.
    assert np.isinf(gyrator.moments["peaks"][0, 0])
    where, height = gyrator.moments["peaks"][1]
    end = spectrum_of(gyrator, np.pi)[1, 1].real
    assert where == pytest.approx(4.93, abs=0.005)
    assert height / end - 1 == pytest.approx(0.008, abs=5e-4)


@pytest.mark.parametrize("model", ["gyrator", "spiral"])
def test_spectrum_is_hermitian_and_has_the_right_integrals(model):
    exact = zoo.sgd_increments(model)
    A, S0 = exact.data["A"], exact.data["cov_discrete"]
    omega = 2 * np.pi * np.arange(4096) / 4096
    S = spectrum_of(exact, omega)
    np.testing.assert_allclose(S, np.conj(np.swapaxes(S, 0, 1)), atol=1e-17)
    # Covariances of increments at lags 0 and 1, from x' = A x + noise.
    lag0 = 2 * S0 - A @ S0 - S0 @ A.T
    lag1 = 2 * A @ S0 - A @ A @ S0 - S0
    np.testing.assert_allclose(S.mean(axis=-1), lag0, atol=1e-14)
    np.testing.assert_allclose((S * np.exp(1j * omega)).mean(axis=-1), lag1, atol=1e-14)
    # The quadrature spectrum holds the area: sum over lags, by the same matrices.
    sweep = 0.5 * ((A - np.eye(2)) @ S0 - S0 @ (A - np.eye(2)).T)[1, 0] / exact.data["eta"]
    assert sweep == pytest.approx(exact.moments["levy_rate_discrete"], rel=1e-12)


@pytest.mark.parametrize(
    ("d2", "ratio", "where"),
    [(0.2, 1.0080, 4.926), (0.1, 1.3242, 2.101), (0.05, 2.0783, 1.742), (0.01, 7.9474, 1.529)],
)
def test_humps_off_the_axes_of_the_hessian(d2, ratio, where):
    """A true loss with constant D: S22 has a maximum inside, the higher the less isotropic D is."""
    exact = zoo.sgd_increments(d2=d2)
    # By hand: S = sum over the axes of H of v_k v_l C_kl |z - 1|^2/((z - a_k)(1/z - a_l)).
    rates, axes = np.linalg.eigh([[2.0, -1.0], [-1.0, 1.5]])
    a, C = 1 - 0.05 * rates, axes.T @ np.diag([0.01, 0.01 * d2]) @ axes
    omega = np.linspace(1e-3, np.pi, 20001)
    z = np.exp(1j * omega)
    v = axes[1]
    S = sum(
        v[k] * v[m] * C[k, m] * np.abs(z - 1) ** 2 / ((z - a[k]) * (1 / z - a[m]))
        for k in range(2)
        for m in range(2)
    ).real
    frequency, height = exact.moments["peaks"][1]
    assert height == pytest.approx(S.max(), rel=1e-6)  # as fine as omega
    assert height / S[-1] == pytest.approx(ratio, abs=6e-5)
    assert frequency == pytest.approx(omega[S.argmax()] / 0.05, abs=2 * omega[0] / 0.05)
    assert frequency == pytest.approx(where, abs=1e-3)
    assert exact.entropy_production > 0.9


@pytest.mark.parametrize("d2", [0.2, 0.01])
def test_without_circulation_no_direction_has_a_hump(d2):
    """[H, D] = 0: every power spectrum is a sum of increasing terms, in whatever coordinates."""
    H = np.array([[2.0, -1.0], [-1.0, 1.5]])
    axes = np.linalg.eigh(H)[1]
    omega = np.linspace(1e-3, np.pi, 2000)

    def rises(D, angle):
        S = zoo.increment_psd(np.eye(2) - 0.05 * H, 0.01 * D, omega)
        u = np.array([np.cos(angle), np.sin(angle)])
        return (np.diff(np.einsum("i,ijn,j->n", u, S.real, u)) > 0).all()

    angles = np.linspace(0, np.pi, 37)
    still = axes @ np.diag([1.0, d2]) @ axes.T
    assert all(rises(still, angle) for angle in angles)
    assert not all(rises(np.diag([1.0, d2]), angle) for angle in angles)


def test_only_the_gyrator_has_a_second_temperature():
    with pytest.raises(ValueError, match=r"d2 is 0\.1, but the spiral has no d2"):
        zoo.sgd_increments("spiral", d2=0.1)


def test_power_spectra_along_axes_of_the_hessian_have_no_peak():
    # In the eigenbasis of H they are those of AR(1) for any noise: increasing, no trace of j.
    exact = zoo.sgd_increments()
    values, vectors = np.linalg.eigh(exact.data["F"])
    omega = np.linspace(0.001, np.pi, 500)
    S = np.einsum("ik,ijn,jl->kln", vectors, spectrum_of(exact, omega), vectors)
    C = vectors.T @ exact.data["C"] @ vectors
    for k, rate in enumerate(values):
        null = zoo.autoregressive_psd(1 - exact.data["eta"] * rate, C[k, k], omega)
        np.testing.assert_allclose(S[k, k].real, null, rtol=1e-9)
        assert (np.diff(null) > 0).all()
    # Positive control: the spiral peaks.
    spiral = spectrum_of(zoo.sgd_increments("spiral"), omega)[0, 0].real
    assert spiral.max() > 2.5 * spiral[-1]


def test_quadrature_vanishes_with_the_current():
    balanced = zoo.gyrator(d2=1.0)
    S = zoo.increment_psd(np.eye(2) - 0.05 * balanced.data["F"], 0.01 * np.eye(2), [0.1, 1.0])
    assert np.abs(S[0, 1].imag).max() < 1e-17


def sgd_with(F, D, eta, noise, steps, n, seed=0, momentum=0.0):
    """Swarm of SGD on four samples whose gradients F x + n_i have covariance noise * D."""
    root = np.linalg.cholesky(D) * np.sqrt(2 * noise)
    shifts = np.stack([root[:, 0], -root[:, 0], root[:, 1], -root[:, 1]])
    return fp.sgd.run(
        lambda theta, _: F @ theta + shifts[:, :, None], [0.0, 0.0], eta, 1, steps,
        n_particles=n, burn_in=200, thin=1, seed=seed, momentum=momentum,
    )  # fmt: skip


def assert_agrees(seen, exact):
    """Within 5 standard errors almost everywhere, and within 10 percent of the largest overall."""
    for part in (np.real, np.imag):
        error = part(seen.error)
        off = np.abs(part(seen.value) - part(exact))
        ratio = off[error > 0] / error[error > 0]
        assert ratio.max() < 5
        assert np.sqrt((ratio**2).mean()) < 1.35
    assert np.abs(seen.value - exact).max() < 0.1 * np.abs(exact).max()


@pytest.mark.parametrize("model", ["gyrator", "spiral"])
def test_simulated_sgd_has_the_spectrum(model):
    exact = zoo.sgd_increments(model)
    D = exact.diffusion(0.0, 0.0)
    # C = eta^2 noise D = 2 kT eta D.
    swarm = sgd_with(exact.data["F"], D, 0.05, 2 * exact.kT / 0.05, 1800, 300)
    seen = fp.sde.increment_spectrum(swarm, spacing=0.05, length=256)
    keep = seen.omega > 0.1  # below, the window leaks by more than the errors
    expected = spectrum_of(exact, seen.omega)
    kept = fp.sde.Estimate(seen.value[..., keep], seen.error[..., keep])
    assert_agrees(kept, expected[..., keep])
    sign = np.sign(exact.moments["quadrature"][1])
    assert (sign * seen.value[0, 1, :-1].imag / seen.error[0, 1, :-1].imag).max() > 10
    levy = fp.sde.levy_area(swarm, spacing=0.05)
    off = levy.value[0, 1] - exact.moments["levy_rate_discrete"]
    assert abs(off) < 4.5 * levy.error[0, 1]
    assert levy.error[0, 1] < 0.05 * abs(exact.moments["levy_rate_discrete"])


def test_heavy_ball_formula_and_angles():
    data = zoo.gyrator()
    H, D, eta, mu = data.data["F"], np.diag([1.0, 0.2]), 0.1, 0.9
    S = zoo.heavy_ball_covariance(H, D, eta, mu)
    np.testing.assert_allclose(
        S, [[0.2349987903, 0.1112963465], [0.1112963465, 0.2566424892]], atol=6e-11
    )
    left = (1 - mu) * (H @ S + S @ H) - (1 + mu**2) / (1 - mu**2) * eta * H @ S @ H
    left += mu / (1 - mu**2) * eta * (H @ H @ S + S @ H @ H)
    np.testing.assert_allclose(left, eta * D, atol=1e-15)
    M, N = zoo.heavy_ball(H, D, eta, mu)
    angles = np.abs(np.angle(np.linalg.eigvals(M))) / (2 * np.pi)
    np.testing.assert_allclose(np.unique(angles.round(9)), [0.0431442, 0.0868312], atol=5e-8)
    # The spectrum of the increments of x peaks there: momentum is a positive control.
    omega = 2 * np.pi * np.linspace(0.005, 0.5, 2000)
    P = zoo.increment_psd(M, N, omega)[0, 0].real
    assert omega[np.argmax(P)] / (2 * np.pi) == pytest.approx(0.0868312, abs=0.004)
    assert P.max() > 10 * P[-1]
    # mu = 0 is plain SGD.
    plain = zoo.heavy_ball_covariance(H, D, eta, 0.0)
    np.testing.assert_allclose(H @ plain + plain @ H - eta * H @ plain @ H, eta * D, atol=1e-15)
    with pytest.raises(ValueError, match="the iteration grows by"):
        zoo.heavy_ball_covariance(H, D, 3.0, 0.5)


def test_simulated_heavy_ball_has_the_spectrum():
    data = zoo.gyrator()
    H, D = data.data["F"], np.diag([1.0, 0.2])
    swarm = sgd_with(H, D, 0.1, 1.0, 1800, 200, momentum=0.9)
    seen = fp.sde.increment_spectrum(swarm, spacing=1.0, length=256)
    M, N = zoo.heavy_ball(H, D, 0.1, 0.9)
    exact = zoo.increment_psd(M, N, seen.omega)[:2, :2].real
    for k in range(2):
        off = np.abs(seen.value[k, k].real - exact[k, k]) / exact[k, k].max()
        assert off.max() < 0.1
        peak = seen.omega[np.argmax(seen.value[k, k].real)]
        assert abs(peak - seen.omega[np.argmax(exact[k, k])]) <= 2 * np.pi / 256 + 1e-9


def test_unknown_model_is_refused():
    with pytest.raises(ValueError, match="model is 'ring'; choose from gyrator, spiral"):
        zoo.sgd_increments("ring")
