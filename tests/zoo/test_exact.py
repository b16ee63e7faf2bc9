"""Every closed form of the zoo against high-order differences, quadrature and printed numbers."""

import dataclasses
import zlib

import numpy as np
import pytest

from fokkerplanck import zoo
from fokkerplanck.equation.problem import Problem
from fokkerplanck.zoo.exact import Exact
from fokkerplanck.zoo.examples import example_19_zeros

# Eighth-order central difference.
OFFSETS = np.array([-4, -3, -2, -1, 1, 2, 3, 4])
WEIGHTS = np.array([1 / 280, -4 / 105, 1 / 5, -4 / 5, 4 / 5, -1 / 5, 4 / 105, -1 / 280])

PROBLEMS = {
    **zoo.catalogue(),
    **zoo.degenerate(),
    "N1 strong": zoo.kramers_plane(gamma=5.0, kT=0.2),
    "R2 hot": zoo.gyrator(kT=0.7, d2=0.05),
    "R6 cold": zoo.double_well(kT=0.25),
    "R9 cold": zoo.noise_induced_transition(kT=0.1),
    "R9 hot": zoo.noise_induced_transition(kT=0.75),
    "R9b cold": zoo.noise_repelled_modes(kT=0.1),
    "R10 steep": zoo.tilted_ring(V0=1.0, F=1.5, kT=0.5),
    "R13b hot": zoo.manufactured_plane("mixed", kT=0.9),
    "R16 hot": zoo.manufactured_space("mixed", kT=0.8),
    "R17 cold": zoo.abc_flow(kT=0.2),
    "R18 line": zoo.heat(dim=1),
    "R18 space": zoo.heat(dim=3),
    "R18b line": zoo.advection_diffusion(dim=1),
    "R18b space": zoo.advection_diffusion(dim=3),
    "R24 slow": zoo.stuart_landau(mu=0.5, w0=-1.0, w1=2.0, kT=0.3),
    "R26 hot": zoo.linear_regression_sgd(kT=0.1),
    "R27b": zoo.torus_loss(s=-0.3, alpha=0.7, kT=0.4),
    "R2 turned": zoo.gyrator(d2=0.3, angle=0.4),
    "R27c plane": zoo.invisible_noise(C=0.3, kT=0.4, dim=2),
    "E1 still": zoo.example_19(lam=0.0),
    "E1 strong": zoo.example_19(lam=1.5),
    "E3 hot": zoo.ring(kT=0.2, a=0.3, c=-0.7),
    "E4b plane": zoo.shell(dim=2),
    "W2 steep": zoo.manufactured_wall(1000.0, contrast=40.0),
    "W2p steep": zoo.manufactured_wall(1000.0, periodic=True),
    "W2r steep": zoo.manufactured_wall(1000.0, reversible=True),
    "W3 steep": zoo.manufactured_wall(100.0, dim=3),
}
WITH_PHI = [key for key, exact in PROBLEMS.items() if exact.Phi is not None]


def difference(u, x, axis, h):
    """∂u/∂x_axis at points x by eighth-order differences, for any stack of components."""
    total = 0.0
    for offset, weight in zip(OFFSETS, WEIGHTS, strict=True):
        moved = list(x)
        moved[axis] = x[axis] + offset * h
        total = total + weight / h * u(*moved)
    return total


def step(exact, k, factor=1.0):
    lo, hi = exact.box[k]
    return 1e-3 * factor * (hi - lo)


def gradient(exact, u, x, factor=1.0):
    """(∂_1 u, ..., ∂_d u), derivative in front."""
    return np.stack([difference(u, x, k, step(exact, k, factor)) for k in range(exact.dim)])


def divergence(exact, u, x, factor=1.0):
    """Row divergence ∂_k u_..k."""
    return sum(
        difference(lambda *p, k=k: u(*p)[..., k, :], x, k, step(exact, k, factor))
        for k in range(exact.dim)
    )


def samples(exact, count=40):
    """Random points where ρ is not small, away from the sides."""
    rng = np.random.default_rng(zlib.crc32(exact.code.encode()))
    u = rng.uniform(0.02, 0.98, (exact.dim, 4000))
    x = np.array([lo + (hi - lo) * v for (lo, hi), v in zip(exact.box, u, strict=True)])
    if exact.Phi is not None:
        Phi = exact.Phi(*x)
        x = x[:, Phi - Phi.min() < 5 * exact.kT]
    assert x.shape[1] >= count
    return list(x[:, :count])


def measured_j(exact, *x):
    """J/ρ with J = −g ρ − kT div(D ρ), that is −g − kT D grad log ρ − kT div D."""
    slope = gradient(exact, exact.log_rho, x)
    D = exact.diffusion(*x)
    return -(
        exact.g(*x)
        + exact.kT * np.einsum("ik...,k...->i...", D, slope)
        + exact.kT * divergence(exact, exact.diffusion, x)
    )


def scale(exact, x):
    """Size of the terms that must cancel."""
    return np.abs(exact.g(*x)).max() + np.abs(exact.j(*x)).max() + exact.kT


@pytest.mark.parametrize("key", WITH_PHI)
def test_j_is_J_over_rho(key):
    exact = PROBLEMS[key]
    x = samples(exact)
    error = np.abs(exact.j(*x) - measured_j(exact, *x)).max()
    assert error < 1e-8 * scale(exact, x)
    np.testing.assert_allclose(exact.J(*x), exact.j(*x) * exact.rho(*x), rtol=1e-13)


@pytest.mark.parametrize("key", [k for k in WITH_PHI if not PROBLEMS[k].reversible])
def test_wrong_sign_of_j_is_noticed(key):
    exact = PROBLEMS[key]
    x = samples(exact)
    wrong = dataclasses.replace(exact, j=lambda *p: -exact.j(*p))
    assert np.abs(wrong.j(*x) - measured_j(wrong, *x)).max() > 1e-3 * scale(exact, x)


@pytest.mark.parametrize("key", WITH_PHI)
def test_current_is_free_of_divergence(key):
    """div J = 0 with J built from ρ alone: div(J)/ρ = div j + j·grad log ρ."""
    exact = PROBLEMS[key]
    x = samples(exact)

    def j(*p):
        return measured_j(exact, *p)

    slope = gradient(exact, exact.log_rho, x)
    residual = divergence(exact, j, x, factor=4.0) + np.sum(j(*x) * slope, axis=0)
    size = scale(exact, x) * max(1 / step(exact, k, 200) for k in range(exact.dim))
    assert np.abs(residual).max() < 1e-6 * size


@pytest.mark.parametrize("key", WITH_PHI)
def test_div_j(key):
    exact = PROBLEMS[key]
    x = samples(exact)
    error = np.abs(exact.div_j(*x) - divergence(exact, exact.j, x)).max()
    assert error < 1e-8 * scale(exact, x) / min(step(exact, k, 200) for k in range(exact.dim))


@pytest.mark.parametrize("key", [k for k in WITH_PHI if PROBLEMS[k].q is not None])
def test_q_gives_j(key):
    """J = (∂_y ψ, −∂_x ψ) with ψ = kT q ρ, hence j = kT (∂_y q − q Φ_y/kT, ...)."""
    exact = PROBLEMS[key]
    x = samples(exact)
    Phi_x, Phi_y = gradient(exact, exact.Phi, x)
    q_x, q_y = gradient(exact, exact.q, x)
    q = exact.q(*x)
    j = np.stack([exact.kT * q_y - q * Phi_y, q * Phi_x - exact.kT * q_x])
    assert np.abs(j - exact.j(*x)).max() < 1e-8 * scale(exact, x)
    psi_x, psi_y = gradient(exact, exact.psi, x)
    np.testing.assert_allclose([psi_y, -psi_x], exact.J(*x), atol=1e-8 * np.abs(psi_x).max() + 1e-9)


@pytest.mark.parametrize("key", [k for k in WITH_PHI if PROBLEMS[k].a is not None])
def test_vector_potential_gives_j(key):
    exact = PROBLEMS[key]
    x = samples(exact)
    slopes = gradient(exact, exact.a, x)
    curl = np.stack(
        [slopes[1, 2] - slopes[2, 1], slopes[2, 0] - slopes[0, 2], slopes[0, 1] - slopes[1, 0]]
    )
    j = np.cross(exact.a(*x), gradient(exact, exact.Phi, x), axis=0) + exact.kT * curl
    assert np.abs(j - exact.j(*x)).max() < 1e-8 * scale(exact, x)


def test_column_divergence_of_Q_is_wrong():
    """Taken along columns, kT div Q changes sign, and the current is no longer conserved."""
    exact = zoo.manufactured_plane("mixed")
    x = samples(exact)
    slope = gradient(exact, exact.log_rho, x)

    def column_j(*p):
        q_x, q_y = gradient(exact, exact.q, p)
        return exact.j(*p) - 2 * exact.kT * np.stack([q_y, -q_x])

    def leak(j):
        return np.abs(divergence(exact, j, x) + np.sum(j(*x) * slope, axis=0)).max()

    assert leak(exact.j) < 1e-9
    assert leak(column_j) > 0.1


@pytest.mark.parametrize("key", [k for k in PROBLEMS if PROBLEMS[k].f is not None])
def test_g_is_the_gradient_of_the_loss(key):
    exact = PROBLEMS[key]
    x = samples(exact)
    error = np.abs(exact.g(*x) - gradient(exact, exact.f, x)).max()
    assert error < 1e-9 * (np.abs(exact.g(*x)).max() + 1)


def test_example_19_is_not_a_gradient():
    exact = zoo.example_19(lam=0.5)
    slopes = gradient(exact, exact.g, [np.zeros(1), np.zeros(1)])
    assert slopes[0, 1, 0] - slopes[1, 0, 0] == pytest.approx(-2 * 0.5 * np.exp(0.25), rel=1e-9)


@pytest.mark.parametrize("key", [k for k in WITH_PHI if PROBLEMS[k].dim < 3])
def test_normalisation_and_entropy_production_by_quadrature(key):
    exact = PROBLEMS[key]
    if exact.code == "R10":
        assert exact.average(lambda x: np.ones_like(x)) == pytest.approx(1.0, abs=1e-12)
    else:
        assert exact.log_Z == pytest.approx(exact.boxed(exact.box).log_Z, abs=1e-9)
    if np.isfinite(exact.entropy_production) and exact.code != "R23":
        rate = float(exact.average(exact._dissipation))
        assert exact.entropy_production == pytest.approx(rate, rel=1e-8, abs=1e-13)


# Values of g and j at one point, beta = 2.
POINTS = {
    "R13a": ((-0.839717473241, -0.185017258406), (0.180885679189, -0.229316361036)),
    "R13b": ((-0.970986545594, 0.0512166599764), (0.312154751542, -0.465550279419)),
    "R13c": ((-0.620240669052, -0.463257206942), (-0.038591125, 0.0489235875)),
    "R15": (
        (-0.776891936833, 0.0858366894033, 0.229139582604),
        (0.332708020633, -0.458625209980, -0.0499062030950),
    ),
    "R16": (
        (-0.735918275165, -0.358917284618, 0.436715415260),
        (0.291734358966, -0.0138712359589, -0.257482035751),
    ),
}


@pytest.mark.parametrize("code", POINTS)
def test_manufactured_values(code):
    exact = PROBLEMS[code]
    x = (0.3, -0.4, 0.5)[: exact.dim]
    np.testing.assert_allclose(exact.g(*x), POINTS[code][0], atol=6e-13)
    np.testing.assert_allclose(exact.j(*x), POINTS[code][1], atol=6e-13)
    div_j = {"R13b": 0.0432875385277, "R16": -0.466099564166}.get(code, 0.0)
    assert exact.div_j(*x) == pytest.approx(div_j, abs=6e-13)


# --- Ornstein-Uhlenbeck ---------------------------------------------------------------------------

LINEAR = {
    "R1": {
        "cov": [[0.0625]],
        "kl": {
            0: 8.49629073, 0.5: 1.08618098, 1: 0.1465849008, 2: 0.00268372088, 4: 9.002814e-7,
        },
        "EP": 0.0,
    },
    "R2": {
        "cov": [[0.0635714286, 0.0271428571], [0.0271428571, 0.0314285714]],
        "U": [[2.4919093851, -2.1521035599], [-2.1521035599, 5.0404530744]],
        "kl": {
            0: 16.7847289017, 0.5: 8.9321202549, 1: 4.5407657, 2: 1.0996566565, 4: 0.0620743713,
            8: 1.968219370e-4,
        },
        "EP": 0.9142857143, "q": 8 / 35, "turn": 0.6436143894, "levy": 0.0228571429,
        "j2": 0.0393527508, "slowest": -0.7192235936,
    },
    "R3": {
        "cov": [[0.1023391813, 0.0011695906], [0.0011695906, 0.0478070175]],
        "U": [[0.9774161408, -0.0239123215], [-0.0239123215, 2.0923281302]],
        "kl": {
            0: 5.4459155604, 0.5: 2.7016857708, 1: 1.3132548065, 2: 0.1387611585, 4: 0.0043034496,
        },
        "EP": 8.9921146953, "q": -56 / 45, "turn": 1.7793830164,
        "slowest": -0.9 - 1.7291616466j,
    },
    "R4": {
        "cov": [
            [0.0992988297, -0.0024364407, -0.0083434221],
            [-0.0024364407, 0.0556744350, 0.0105155367],
            [-0.0083434221, 0.0105155367, 0.0343280871],
        ],
        "kl": {
            0: 8.4805130790, 0.5: 3.6270438694, 1: 1.4293262039, 2: 0.1208050631, 4: 0.0029681539,
        },
        "EP": 6.5277812344, "a": (-0.2019491525, 0.1221045198, -1.2852754237),
        "slowest": -0.9329868925,
    },
}  # fmt: skip


@pytest.mark.parametrize("code", LINEAR)
def test_ornstein_uhlenbeck_numbers(code):
    exact, numbers = PROBLEMS[code], LINEAR[code]
    np.testing.assert_allclose(exact.moments["cov"], numbers["cov"], atol=6e-11)
    assert exact.entropy_production == pytest.approx(numbers["EP"], abs=6e-11)
    times = np.array(list(numbers["kl"]), dtype=float)
    np.testing.assert_allclose(exact.kl(times), list(numbers["kl"].values()), rtol=2e-9, atol=6e-11)
    turn = np.linalg.eigvals(-exact.data["Q"] @ exact.data["U"])
    checks = {
        "U": lambda: exact.data["U"],
        "q": lambda: exact.q(0.3, 0.1),
        "a": lambda: exact.a(0.3, 0.1, 0.2),
        "turn": lambda: np.abs(turn.imag).max(),
        "levy": lambda: exact.moments["levy_rate"],
        "j2": lambda: exact.moments["j2"],
        "slowest": lambda: exact.eigenvalues[0],
    }
    for key in set(numbers) & set(checks):
        np.testing.assert_allclose(checks[key](), numbers[key], atol=6e-11)


def test_langevin():
    exact = zoo.langevin(h=2.0, gamma=0.5, kT=0.3)
    x, v = samples(exact)
    np.testing.assert_allclose(exact.j(x, v), [v, -2.0 * x], atol=1e-13)
    np.testing.assert_allclose(exact.Phi(x, v), x**2 + v**2 / 2, atol=1e-13)
    slowest = 0.25 + 1j * np.sqrt(2.0 - 0.0625)
    np.testing.assert_allclose(exact.eigenvalues[:2], [-slowest, -slowest.conjugate()], atol=1e-12)


@pytest.mark.parametrize("code", ["R2", "R3"])
def test_kl_and_moments_match_the_transient_density(code):
    exact = PROBLEMS[code].boxed([(-3.0, 3.0), (-2.5, 2.5)])
    (x, y), weights = exact._quadrature
    for t in (0.5, 2.0):
        rho = exact.rho_t(t, x, y)
        ratio = np.log(np.maximum(rho, 1e-300)) - exact.log_rho(x, y)
        assert np.sum(weights * rho) == pytest.approx(1.0, abs=1e-10)
        assert np.sum(weights * rho * ratio) == pytest.approx(float(exact.kl(t)), rel=1e-8)
        assert np.sum(weights * rho * x) == pytest.approx(exact.mean_t(t)[0], abs=1e-10)


def test_kl_near_the_end_is_accurate():
    """The excess S − Σ is never formed as a difference: KL falls by e^(−2λ) per unit of time."""
    exact = zoo.gyrator()
    late = exact.kl(np.array([30.0, 31.0]))
    assert late[1] / late[0] == pytest.approx(np.exp(-2 * 0.7192235936), rel=1e-9)
    assert late[1] > 0
    assert late[1] < 1e-17


TRANSIENT = [k for k, exact in PROBLEMS.items() if exact.rho_t is not None and exact.solves]


@pytest.mark.parametrize("key", TRANSIENT)
def test_transient_density_solves_the_equation(key):
    """ρ_t = div(g ρ + kT div(D ρ))."""
    exact = PROBLEMS[key]
    rng = np.random.default_rng(7)
    t = 0.7 / max(1.0, np.abs(exact.eigenvalues[0]))
    if exact.mean_t is None:
        x = samples(exact, 10)
    else:
        x = list(rng.multivariate_normal(exact.mean_t(t), exact.cov_t(t), 10).T)

    def rho(*p):
        return exact.rho_t(t, *p)

    def flow(*p):
        spread = divergence(exact, lambda *q: exact.diffusion(*q) * rho(*q), p)
        return exact.g(*p) * rho(*p) + exact.kT * spread

    dt = 1e-3 * t
    rate = sum(w / dt * exact.rho_t(t + o * dt, *x) for o, w in zip(OFFSETS, WEIGHTS, strict=True))
    right = divergence(exact, flow, x, factor=4.0)
    assert np.abs(rate - right).max() < 1e-6 * np.abs(rate).max()
    assert np.abs(rate + right).max() > 0.1 * np.abs(rate).max()


@pytest.mark.parametrize("key", ["R18", "R18 line", "R18 space", "R18b", "R18b line"])
def test_kl_of_single_modes(key):
    exact = PROBLEMS[key]
    points, weights = exact._quadrature
    for t in (0.0, 0.1):
        rho = exact.rho_t(t, *points)
        kl = np.sum(weights * rho * (np.log(rho) + exact.log_Z))
        assert exact.kl(t) == pytest.approx(kl, rel=1e-9)
    late = 20 / exact.moments["rate"]
    ratio = exact.kl(late) / exact.kl(late + 1 / exact.moments["rate"])
    assert ratio == pytest.approx(np.exp(2), rel=1e-8)


# --- Other printed numbers ------------------------------------------------------------------------


def test_double_well_numbers():
    for kT, Z, x2, f in (
        (1.0, 7.623468444673, 1.041797296487, 0.739550675878),
        (0.25, 2.473706406982, 0.832745487128, 0.229313628218),
    ):
        exact = zoo.double_well(kT)
        assert np.exp(exact.log_Z) == pytest.approx(Z, abs=6e-13)
        assert exact.moments["x2"] == pytest.approx(x2, abs=6e-13)
        assert exact.moments["f"] == pytest.approx(f, abs=6e-13)
        slope = exact.average(lambda x, y, g=exact.g: x * g(x, y)[0])
        assert slope == pytest.approx(kT, abs=1e-12)
    assert zoo.double_well().moments["x4"] == pytest.approx(2.041797296487, abs=6e-13)


def test_noise_induced_transition_numbers():
    table = {
        0.1: (6.603107528, 0.784242335), 0.25: (3.192034443, 0.756134969),
        0.5: (2.658680776, 0.833333333), 0.75: (2.544119980, 0.919222204),
    }  # fmt: skip
    for kT, (Z, x2) in table.items():
        exact = zoo.noise_induced_transition(kT)
        assert exact.moments["Z"] == pytest.approx(Z, abs=6e-10)
        assert exact.moments["x2"] == pytest.approx(x2, abs=6e-10)
    for kT, mode in ((0.1, 1.0235710975), (0.25, 1.0545543777), (0.5, 1.0979842578)):
        assert zoo.noise_repelled_modes(kT).points["modes"][1, 0] == pytest.approx(mode, abs=6e-11)


@pytest.mark.parametrize("key", ["R9 cold", "R9", "R9 hot", "R9b", "R9b cold"])
def test_modes_are_stationary_points_of_Phi(key):
    exact = PROBLEMS[key]
    modes = exact.points["modes"][:, 0]
    np.testing.assert_allclose(gradient(exact, exact.Phi, [modes]), 0.0, atol=1e-9)
    assert np.all(exact.Phi(modes + 0.05) > exact.Phi(modes))


def test_tilted_ring_numbers():
    for V0, F, beta, J in (
        (1.0, 0.5, 1.0, 0.053866742022),
        (1.0, 1.5, 2.0, 0.190068258934),
        (2.0, 1.0, 1.0, 0.055893117090),
    ):
        assert zoo.tilted_ring(V0, F, 1 / beta).moments["current"] == pytest.approx(J, abs=6e-13)
    rho = zoo.tilted_ring().rho(np.arange(4) * np.pi / 2)
    expected = [0.0598214768, 0.0867457539, 0.3089137873, 0.1826266268]
    np.testing.assert_allclose(rho, expected, atol=6e-11)


@pytest.mark.parametrize("code", ["R11", "R12"])
def test_polynomial_eigenvalues(code):
    """L xⁿ = −g n xⁿ⁻¹ + kT D n (n − 1) xⁿ⁻² has leading coefficient λ_n."""
    exact = PROBLEMS[code]
    x = samples(exact, 12)[0]
    for n, eigenvalue in enumerate(exact.eigenvalues[:3], start=1):
        drift, D = exact.drift(x)[0], exact.diffusion(x)[0, 0]
        image = drift * n * x ** (n - 1) + exact.kT * D * n * (n - 1) * x ** max(n - 2, 0)
        assert np.polyfit(x, image, n)[0] == pytest.approx(eigenvalue, rel=1e-6)
    mean = exact.average(lambda x: x)
    spread = exact.average(lambda x: (x - mean) ** 2)
    assert mean == pytest.approx(exact.moments["mean"][0], abs=1e-9)
    assert spread == pytest.approx(exact.moments["cov"][0, 0], abs=1e-9)


def test_example_19_numbers():
    for lam, EP, rms, levy in (
        (0.5, 0.170345402887, 0.225960369, 0.2060474623),
        (1.5, 1.533108625979, 0.677881108, 0.6181423868),
    ):
        exact = zoo.example_19(lam)
        assert exact.entropy_production == pytest.approx(EP, abs=6e-13)
        assert exact.moments["div_j2"] ** 0.5 == pytest.approx(rms, abs=6e-10)
        assert exact.moments["levy_rate"] == pytest.approx(levy, abs=6e-11)
        assert exact.moments["omega"] == pytest.approx(0.730419236 * lam, abs=1e-9)
        assert exact.moments["g2"] - EP == pytest.approx(3.125391889461, abs=1e-9)
    window = np.linspace(-1.5, 1.5, 601)
    speed = np.hypot(*zoo.example_19(1.0).j(*np.meshgrid(window, window, indexing="ij")))
    assert speed.max() == pytest.approx(1.906205, abs=2e-5)


def test_averages_of_example_19_by_quadrature():
    exact = zoo.example_19(0.5)

    def torque(x, y):
        j = exact.j(x, y)
        return x * j[1] - y * j[0]

    assert exact.average(torque) / 2 == pytest.approx(exact.moments["levy_rate"], rel=1e-9)
    omega = exact.average(lambda x, y: torque(x, y) / (x**2 + y**2))
    assert omega == pytest.approx(exact.moments["omega"], rel=1e-9)


def test_zeros_of_g_of_example_19():
    np.testing.assert_allclose(
        example_19_zeros(0.5)[1], (0.9024283212, 0.3888022384), atol=6e-11
    )  # fmt: skip
    np.testing.assert_allclose(example_19_zeros(0.7)[1], (0.6111842, 0.4837452), atol=6e-8)
    for lam in (-0.6, 0.0, 0.3, 0.5, 0.7, 1.5):
        exact = zoo.example_19(lam)
        np.testing.assert_allclose(exact.g(*exact.points["zeros_of_g"].T), 0.0, atol=1e-13)
    assert len(example_19_zeros(np.exp(-0.25) - 1e-3)) == 3
    assert len(example_19_zeros(np.exp(-0.25) + 1e-3)) == 1


def test_repaired_example_stays_on_level_sets():
    exact = zoo.repaired_example(lam=0.7, kT=0.5)
    x = samples(exact)
    across = np.sum(exact.j(*x) * gradient(exact, exact.Phi, x), axis=0)
    assert np.abs(across).max() < 1e-9
    assert exact.entropy_production == pytest.approx(3 * 0.49 * exact.moments["x2"], rel=1e-10)
    crossing = zoo.example_19(0.7)
    across = np.sum(crossing.j(*x) * gradient(crossing, crossing.Phi, x), axis=0)
    assert np.abs(across).max() > 0.1


def test_ring_numbers():
    exact = zoo.ring(kT=0.1)
    assert exact.moments["r2"] == pytest.approx(1.014832971, abs=6e-10)
    assert exact.entropy_production == pytest.approx(2.305117232, abs=6e-10)
    assert exact.moments["j2"] == pytest.approx(0.405339869, abs=6e-10)
    assert exact.q(0.0, 0.0) == pytest.approx(-13.48347581, abs=6e-9)
    assert exact.q(0.6, 0.8) == pytest.approx(0.43950088, abs=6e-9)
    hot = zoo.ring(kT=0.2)
    assert hot.moments["r2"] == pytest.approx(1.076652244, abs=6e-10)
    assert hot.entropy_production == pytest.approx(3.3510079118, abs=6e-11)
    assert hot.q(0.0, 0.0) == pytest.approx(-5.218372981, abs=6e-10)


def test_ring_turns_but_encloses_no_area():
    exact = zoo.ring(kT=0.1, a=0.5, c=1.0)

    def torque(x, y):
        j = exact.j(x, y)
        return x * j[1] - y * j[0]

    assert exact.average(torque) == pytest.approx(0.0, abs=1e-12)
    omega = exact.average(lambda x, y: torque(x, y) / (x**2 + y**2))
    assert omega == pytest.approx(-0.2, rel=1e-10)
    radius = exact.data["radius_of_f"]
    np.testing.assert_allclose(exact.g(radius, 0.0), 0.0, atol=1e-14)


@pytest.mark.parametrize(
    ("exact", "determinant"),
    [
        (zoo.ring(a=0.5, c=1.0), lambda x, y: 1 + 0.5 * (x**2 + y**2)),
        (zoo.ring_3d(c=0.8), lambda x, y, z: 1 + 0 * x),
    ],
    ids=["ring", "ring_3d"],
)
def test_determinants(exact, determinant):
    x = samples(exact)
    D = np.moveaxis(exact.diffusion(*x), -1, 0)
    np.testing.assert_allclose(np.linalg.det(D), determinant(*x), rtol=1e-10)
    assert np.linalg.eigvalsh(D).min() > 0


def test_loss_is_not_the_potential_of_the_ring():
    """Taking f for Φ leaves a residual: this steady state is not Gibbs in f."""
    exact = zoo.ring()
    x = samples(exact)
    wrong = dataclasses.replace(exact, Phi=exact.f, closed_forms={})
    assert np.abs(wrong.j(*x) - measured_j(wrong, *x)).max() > 0.05


def test_stuart_landau_numbers():
    exact = zoo.stuart_landau()
    r2 = exact.average(lambda x, y: x**2 + y**2)
    assert exact.moments["r2"] == pytest.approx(r2, rel=1e-10)
    frequency = exact.average(lambda x, y: 1.0 + 0.5 * (x**2 + y**2))
    assert exact.moments["omega"] == pytest.approx(frequency, rel=1e-10)
    angle = np.linspace(0, 6, 7)
    velocity = exact.drift(np.cos(angle), np.sin(angle))
    cycle = exact.reference["cycle_frequency"] * np.stack([-np.sin(angle), np.cos(angle)])
    np.testing.assert_allclose(velocity, cycle, atol=1e-14)


def test_eigenvalues_of_the_hidden_diffusion():
    axis = np.linspace(-3, 3, 301)
    D = zoo.hidden_anisotropy().diffusion(*np.meshgrid(axis, axis, indexing="ij"))
    eigenvalues = np.linalg.eigvalsh(np.moveaxis(D, (0, 1), (-2, -1)))
    assert eigenvalues.min() == pytest.approx(0.7, abs=1e-6)
    assert eigenvalues.max() == pytest.approx(1.36920, abs=1e-4)


def test_abc_flow_is_its_own_curl():
    exact = zoo.abc_flow()
    x = samples(exact)
    slopes = gradient(exact, exact.j, x)
    curl = [slopes[1, 2] - slopes[2, 1], slopes[2, 0] - slopes[0, 2], slopes[0, 1] - slopes[1, 0]]
    np.testing.assert_allclose(curl, exact.j(*x), atol=1e-10)


def test_tail_exponent():
    exact = zoo.multiplicative_noise(h=1.0, s0=1.0, s1=3.0, kT=0.05)
    assert exact.moments["tail_exponent"] == pytest.approx(3.2222, abs=5e-5)
    slope = np.log(exact.rho(20.0) / exact.rho(10.0)) / np.log(2.0)
    assert slope == pytest.approx(-1 - exact.moments["tail_exponent"], abs=1e-2)


# --- Linear regression ----------------------------------------------------------------------------


def test_regression_polynomials():
    exact = zoo.linear_regression_sgd()
    u, v = np.array([0.37, -0.2, 1.3]), np.array([-0.81, 0.4, 0.9])
    D11 = (
        26 * u**2 / 9 - 4 * u * v / 9 - 10 * u / 9 + 53 * v**2 / 36 + 4 * v / 9 + 20 / 9
    )  # fmt: skip
    D12 = -2 * u**2 / 9 + 17 * u * v / 12 + 7 * u / 18 + v**2 / 18 - 7 * v / 9 + 1 / 6
    D22 = 53 * u**2 / 36 + u * v / 9 - u + 2 * v**2 / 9 + 2 / 3
    np.testing.assert_allclose(exact.diffusion(u, v), [[D11, D12], [D12, D22]], atol=1e-14)
    np.testing.assert_allclose(
        exact.g(u, v), [7 * u / 3 + v / 6 - 1 / 3, u / 6 + 2 * v / 3], atol=1e-14
    )
    np.testing.assert_allclose(exact.moments["mean"], (8 / 55, -2 / 55), atol=1e-15)
    assert exact.f(*exact.moments["mean"]) == pytest.approx(0.475757575758, abs=6e-13)
    np.testing.assert_allclose(
        divergence(exact, exact.diffusion, [u, v]),
        [259 * u / 36 - v / 3 - 17 / 9, -u / 3 + 67 * v / 36 + 7 / 18],
        atol=1e-10,
    )
    least = np.linalg.eigvalsh(exact.diffusion(0.2967, -0.3856))[0]
    assert least == pytest.approx(0.42803, abs=5e-6)


def test_regression_covariance_is_the_covariance_of_the_samples():
    theta = np.array([0.37, -0.81])
    exact = zoo.linear_regression_sgd()
    rows, targets = exact.data["rows"], exact.data["targets"]
    gradients = rows * (rows @ theta - targets)[:, None]
    covariance = np.cov(gradients.T, bias=True)
    np.testing.assert_allclose(exact.diffusion(*theta), covariance, atol=1e-14)
    losses = zoo.regression_losses(theta)
    assert losses.mean() == pytest.approx(float(exact.f(*theta)), abs=1e-14)
    assert zoo.regression_losses(np.zeros((2, 4, 3))).shape == (6, 4, 3)


def test_regression_moments():
    for kT, S in (
        (0.05, [[0.0495666767, 0.0024465670], [0.0024465670, 0.0470712124]]),
        (0.1, [[0.1108679170, 0.0026903467], [0.0026903467, 0.1103436222]]),
    ):
        exact = zoo.linear_regression_sgd(kT)
        np.testing.assert_allclose(exact.moments["cov"], S, atol=6e-11)
        np.testing.assert_allclose(exact.cov_t(60.0), S, atol=1e-9)
        np.testing.assert_allclose(exact.mean_t(60.0), (8 / 55, -2 / 55), atol=1e-12)


def test_regression_moments_start_right():
    """dS/dt = −H S − S H + 2 kT E[D] at the start, E[D] over the Gaussian by quadrature."""
    kT = 0.05
    exact = zoo.linear_regression_sgd(kT)
    m, S, H = exact.data["mean0"], exact.data["cov0"], exact.data["H"]
    node, weight = np.polynomial.hermite_e.hermegauss(6)
    x, y = np.meshgrid(m[0] + 0.1 * node, m[1] + 0.1 * node, indexing="ij")
    weights = np.multiply.outer(weight, weight) / (2 * np.pi)
    mean_D = np.sum(exact.diffusion(x, y) * weights, axis=(-2, -1))
    t = 1e-4
    rate = (exact.cov_t(t) - exact.cov_t(-t)) / (2 * t)
    np.testing.assert_allclose(rate, 2 * kT * mean_D - H @ S - S @ H, atol=1e-7)
    np.testing.assert_allclose(exact.cov_t(0.0), S, atol=1e-14)


def test_regression_discrete_covariance():
    for (eta, b, replacement), S in {
        (0.1, 1, True): [[0.0567494189, 0.0029579227], [0.0029579227, 0.0496039323]],
        (0.1, 3, True): [[0.0175793441, 0.0011919177], [0.0011919177, 0.0147854818]],
        (0.1, 3, False): [[0.0104029456, 0.0007364186], [0.0007364186, 0.0086800615]],
    }.items():
        np.testing.assert_allclose(zoo.regression_covariance(eta, b, replacement), S, atol=6e-11)
    np.testing.assert_allclose(
        zoo.regression_covariance(0.1, 6, replacement=False), 0.0, atol=1e-15
    )


# --- Walls ----------------------------------------------------------------------------------------

WALLED = [k for k in PROBLEMS if k.startswith("W")]


def wall_points(exact, k, end):
    """Random points on one side of the box."""
    rng = np.random.default_rng(5)
    x = [lo + (hi - lo) * rng.uniform(size=60) for lo, hi in exact.box]
    x[k] = np.full(60, exact.box[k][end])
    return x


@pytest.mark.parametrize("key", [k for k in WALLED if PROBLEMS[k].sides == "reflecting"])
def test_no_current_through_walls_that_carry_density(key):
    exact = PROBLEMS[key]
    for k in range(exact.dim):
        for end in (0, 1):
            x = wall_points(exact, k, end)
            assert np.abs(exact.j(*x)[k]).max() < 1e-13
            if "steep" not in key:
                assert exact.rho(*x).max() > 0.05
            tilt = np.abs(exact.diffusion(*x)[k, (k + 1) % exact.dim])
            if not key.endswith("-1"):
                assert tilt.max() > 0.1


@pytest.mark.parametrize("key", [k for k in PROBLEMS if PROBLEMS[k].sides == "periodic"])
def test_no_seam_on_periodic_boxes(key):
    exact = PROBLEMS[key]
    for k in range(exact.dim):
        left, right = (wall_points(exact, k, end) for end in (0, 1))
        for u in (exact.g, exact.j, exact.Phi, exact.diffusion):
            size = np.abs(u(*left)).max() + 1
            assert np.abs(u(*left) - u(*right)).max() < 1e-12 * size


@pytest.mark.parametrize("kappa", [1.0, 10.0, 100.0, 1000.0])
@pytest.mark.parametrize("dim", [2, 3])
@pytest.mark.parametrize("periodic", [False, True])
def test_anisotropy_and_range(kappa, dim, periodic):
    exact = zoo.manufactured_wall(kappa, periodic=periodic, dim=dim)
    axis = np.linspace(0, 1, 81 if dim == 2 else 25)
    x = np.meshgrid(*[axis] * dim, indexing="ij")
    eigenvalues = np.linalg.eigvalsh(np.moveaxis(exact.diffusion(*x), (0, 1), (-2, -1)))
    np.testing.assert_allclose(eigenvalues[..., -1] / eigenvalues[..., 0], kappa, rtol=1e-9)
    assert np.ptp(exact.Phi(*x)) == pytest.approx(4.0, rel=1e-2)
    assert np.abs(exact.div_j(*x)).max() > 1


def test_rotation_of_the_tensor_goes_round_the_torus():
    exact = zoo.manufactured_wall(100.0, periodic=True)
    x = np.linspace(0, 1, 200)
    D = exact.diffusion(x, np.full(200, 0.3))
    angle = np.unwrap(np.arctan2(2 * D[0, 1], D[0, 0] - D[1, 1])) / 2
    assert abs(angle[-1] - angle[0]) == pytest.approx(np.pi, abs=1e-9)


# --- The class ------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", PROBLEMS)
def test_build_hands_the_problem_over(key):
    exact = PROBLEMS[key]
    problem = exact.build(8 if exact.dim == 3 else 16)
    assert isinstance(problem, Problem)
    x = problem.grid.x
    assert problem.grid.box == exact.box
    assert problem.kT == pytest.approx(exact.kT, rel=1e-15)
    assert (problem.f is None) == (exact.f is None)
    np.testing.assert_allclose(problem.g, exact.g(*x), rtol=1e-13, atol=1e-13)
    np.testing.assert_allclose(problem.D, exact.diffusion(*x), rtol=1e-13, atol=1e-13)


def test_build_takes_one_number_per_side():
    assert zoo.gyrator().build((12, 10)).grid.shape == (12, 10)


def test_interior_keeps_away_from_walls_that_matter():
    exact = zoo.spiral()
    grid = exact.build(64).grid
    mask = exact.interior(*grid.x)
    assert 0.1 < mask.mean() < 0.9
    assert not np.concatenate([mask[0], mask[-1], mask[:, 0], mask[:, -1]]).any()
    assert exact.interior(*grid.x, fraction=0.2).sum() < mask.sum()
    assert exact.wall_height > 20
    assert zoo.double_well().interior(*grid.x).all()
    outside = 1 - grid.integrate(exact.rho(*grid.x) * mask)
    assert 0 < outside < np.exp(-0.4 * exact.wall_height)


def test_boxed_normalises_anew():
    whole, half = zoo.double_well(), zoo.double_well().boxed([(0.0, 4.0), (-9.0, 9.0)])
    assert half.log_Z == pytest.approx(whole.log_Z - np.log(2), abs=1e-10)


def test_unknown_fields_say_so():
    exact = zoo.linear_regression_sgd()
    assert exact.entropy_production is None
    with pytest.raises(ValueError, match="Phi of R26 linear_regression_sgd has no closed form"):
        exact.rho(0.0, 0.0)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: zoo.ornstein_uhlenbeck(F=-1.0), "real part -1"),
        (lambda: zoo.ornstein_uhlenbeck(F=np.ones((2, 3))), "F has shape"),
        (lambda: zoo.ornstein_uhlenbeck(F=np.eye(2), D=np.ones(3)), "D has shape"),
        (lambda: zoo.manufactured_plane("strong"), "flat, mixed, steep"),
        (lambda: zoo.manufactured_space("strong"), "gradient, mixed"),
        (lambda: zoo.manufactured_wall(0.5), "kappa"),
        (lambda: zoo.manufactured_wall(2.0, dim=1), "dim"),
        (lambda: zoo.regression_covariance(0.1, 7, replacement=False), "b is 7"),
        (lambda: zoo.regression_covariance(1.5, 1), "eta is 1.5"),
    ],
)
def test_bad_parameters(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_catalogue_and_table():
    catalogue = zoo.catalogue()
    assert all(isinstance(exact, Exact) for exact in catalogue.values())
    assert all(exact.code == code for code, exact in catalogue.items())
    assert {"R1", "R2", "R3", "R4", "R4b", "E1", "E2", "E3", "E4", "R26"} <= set(catalogue)
    assert all(hasattr(zoo, exact.name) for exact in catalogue.values())
    lines = zoo.table().splitlines()
    coded = {**catalogue, **zoo.degenerate()}
    assert len(lines) == len(coded) + 2  # heading, and the perceptron, which has no density
    with pytest.raises(TypeError):
        catalogue["R2"].moments["cov"] = 0.0
