"""Kernels of currents, stream functions and potentials against plain Python twins."""

import numpy as np
import pytest

from fokkerplanck.kernels.scheme import current


def fluxes_twin(shape, periodic, tail, offset, flow):
    """Half of every current along the axes in order, half along them in reverse order."""
    faces = np.zeros((len(shape), *shape))
    for x, e, value in zip(tail, offset, flow, strict=True):
        for axes in (range(len(shape)), reversed(range(len(shape)))):
            cell = list(np.unravel_index(x, shape))
            for axis in axes:
                for _ in range(abs(e[axis])):
                    new = list(cell)
                    new[axis] += 1 if e[axis] > 0 else -1
                    if periodic[axis]:
                        new[axis] %= shape[axis]
                    lower = cell if e[axis] > 0 else new
                    faces[(axis, *lower)] += 0.5 * value * np.sign(e[axis])
                    cell = new
    return faces


def balance_of_faces(faces, periodic):
    """Net outflow of every cell."""
    total = np.zeros(faces.shape[1:])
    for axis, flow in enumerate(faces):
        out = flow.copy()
        if not periodic[axis]:
            last = tuple(-1 if k == axis else slice(None) for k in range(flow.ndim))
            assert np.all(out[last] == 0)
        total += out - np.roll(out, 1, axis=axis)
    return total


def random_paths(rng, shape, periodic, n=200, reach=3):
    d = len(shape)
    tail = rng.integers(0, np.prod(shape), n)
    cells = np.stack(np.unravel_index(tail, shape), axis=1)
    offset = rng.integers(-reach, reach + 1, (n, d))
    for k in range(d):
        if not periodic[k]:
            offset[:, k] = np.clip(cells[:, k] + offset[:, k], 0, shape[k] - 1) - cells[:, k]
    return tail, offset, rng.standard_normal(n)


@pytest.mark.parametrize("periodic", [(False, False), (True, True), (True, False)])
@pytest.mark.parametrize("shape", [(6, 7), (5, 4, 6)])
def test_staircases_against_the_twin_and_keep_every_balance(rng, shape, periodic):
    periodic = (*periodic, False)[: len(shape)]
    tail, offset, flow = random_paths(rng, shape, periodic)
    n = int(np.prod(shape))
    log_flow, log_rho = rng.standard_normal(flow.size), 3 * rng.standard_normal(n)
    faces = np.zeros((len(shape), n))
    current.staircase_fluxes(
        np.array(shape), np.array(periodic), tail, offset, flow, log_flow - 900, log_rho - 900,
        faces,
    )  # fmt: skip
    faces, flow = (faces * np.exp(log_rho)).reshape(-1, *shape), flow * np.exp(log_flow)
    twin = fluxes_twin(shape, periodic, tail, offset, flow)
    np.testing.assert_allclose(faces, twin, rtol=1e-12, atol=1e-12 * np.abs(twin).max())
    cells = np.stack(np.unravel_index(tail, shape), axis=1) + offset
    head = np.ravel_multi_index(tuple((cells % shape).T), shape)
    expected = np.bincount(tail, flow, n) - np.bincount(head, flow, n)
    np.testing.assert_allclose(balance_of_faces(faces, periodic).ravel(), expected, atol=1e-11)


def stream_twin(flux, log_flux, log_corner):
    """Cumulative sums of the currents, over the density at the corners."""
    steps = flux * np.exp(log_flux)
    psi = np.concatenate([np.zeros((len(flux), 1)), np.cumsum(steps, axis=1)], axis=1)
    psi[:, -1] = 0.0
    return psi / np.exp(log_corner)


def closed_flux(rng, rows, n, spread):
    """Currents in rows that add up to zero, and log densities they are scaled by."""
    log_corner = spread * np.cumsum(rng.standard_normal((rows, n + 1)), axis=1)
    psi = np.exp(log_corner) * rng.standard_normal((rows, n + 1))
    psi[:, [0, -1]] = 0.0
    log_flux = np.maximum(log_corner[:, 1:], log_corner[:, :-1])
    return np.diff(psi, axis=1) * np.exp(-log_flux), log_flux, log_corner, psi


def test_stream_ratio_against_the_twin(rng):
    flux, log_flux, log_corner, _ = closed_flux(rng, 20, 30, 0.2)
    out = np.empty_like(log_corner)
    current.stream_ratio(flux, log_flux, log_corner, out)
    np.testing.assert_allclose(out, stream_twin(flux, log_flux, log_corner), rtol=1e-9, atol=1e-11)


def test_stream_ratio_where_the_density_underflows():
    """psi/rho = 1 on a density e^(-1000 x^2); a one-sided sweep loses it beyond the maximum."""
    x = np.linspace(-1.0, 1.0, 201)
    log_corner = -1000.0 * x[None] ** 2
    psi_over_rho = np.ones_like(log_corner)
    psi_over_rho[:, [0, -1]] = 0.0
    log_flux = np.maximum(log_corner[:, 1:], log_corner[:, :-1])
    flux = psi_over_rho[:, 1:] * np.exp(log_corner[:, 1:] - log_flux)
    flux -= psi_over_rho[:, :-1] * np.exp(log_corner[:, :-1] - log_flux)
    out = np.empty_like(log_corner)
    current.stream_ratio(flux, log_flux, log_corner, out)
    np.testing.assert_allclose(out, psi_over_rho, rtol=0, atol=1e-11)
    one_sided, value = [0.0], 0.0
    with np.errstate(over="ignore", invalid="ignore"):
        for j in range(200):
            value = value * np.exp(log_corner[0, j] - log_corner[0, j + 1])
            value = value + flux[0, j] * np.exp(log_flux[0, j] - log_corner[0, j + 1])
            one_sided.append(value)
    worst = np.nanmax(np.abs(np.array(one_sided) - psi_over_rho[0])[:-1])
    assert not worst < 1e3


def potentials_twin(n, edges):
    """Potential by repeated passes over the edge list, zero at the first cell of each part."""
    phi, parts = np.full(n, np.nan), 0
    while np.isnan(phi).any():
        phi[np.flatnonzero(np.isnan(phi))[0]] = 0.0
        parts, changed = parts + 1, True
        while changed:
            changed = False
            for x, y, z in edges:
                if np.isnan(phi[y]) and not np.isnan(phi[x]):
                    phi[y], changed = phi[x] + z, True
                elif np.isnan(phi[x]) and not np.isnan(phi[y]):
                    phi[x], changed = phi[y] - z, True
    return phi, parts


@pytest.mark.parametrize(("n_edges", "connected"), [(160, True), (30, False)])
def test_tilts_are_summed_to_a_potential(rng, n_edges, connected):
    n = 40
    exact = rng.standard_normal(n)
    pairs = {tuple(sorted(p)) for p in rng.integers(0, n, (n_edges, 2)).tolist() if p[0] != p[1]}
    edges = [(x, y, exact[y] - exact[x]) for x, y in sorted(pairs)]
    both = sorted([*edges, *((y, x, -z) for x, y, z in edges)])
    rows, neighbour, tilt = (np.array(c) for c in zip(*both, strict=True))
    indptr = np.concatenate([[0], np.cumsum(np.bincount(rows, minlength=n))])
    phi = np.empty(n)
    parts = current.integrate_tilts(indptr, neighbour, tilt, phi)
    twin, parts_twin = potentials_twin(n, edges)
    assert parts == parts_twin
    assert (parts == 1) == connected
    np.testing.assert_allclose(phi, twin, atol=1e-12)


# --- edges to cells -------------------------------------------------------------------------------


def random_list(rng, n, m):
    tail = np.sort(rng.integers(0, n, m)).astype(np.int32)
    head = ((tail + rng.integers(1, n, m)) % n).astype(np.int32)
    return tail, head


def chunks(tail, head):
    """Least and largest cell of every chunk."""
    starts = range(0, tail.size, current.CHUNK)
    both = [np.concatenate([a[s : s + current.CHUNK] for a in (tail, head)]) for s in starts]
    return np.array([[b.min(), b.max()] for b in both], np.int32)


def test_sums_at_cells_against_bincount(rng):
    n, m = 500, 5000
    (tail, head), value = random_list(rng, n, m), rng.standard_normal(m)
    for sign in (1.0, -1.0):
        twin = np.bincount(tail, value, n) + sign * np.bincount(head, value, n)
        for parts in (1, 3):
            out = np.empty(n)
            for part in range(parts):
                current.at_cells(part, parts, tail, head, chunks(tail, head), value, sign, out)
            np.testing.assert_allclose(out, twin, rtol=0, atol=1e-12)


@pytest.mark.parametrize("periodic", [(False, False, False), (True, False, True)])
@pytest.mark.parametrize("shape", [(9,), (5, 8), (4, 2, 7)])
def test_offsets_are_the_shorter_way_round(rng, shape, periodic):
    periodic, d = np.array(periodic[: len(shape)]), len(shape)
    tail, head = random_list(rng, int(np.prod(shape)), 400)
    out = np.empty((400, d), np.int16)
    for part in range(2):
        current.offsets(part, 2, np.array(shape), periodic, tail, head, out)
    cells = [np.stack(np.unravel_index(a, shape), axis=1) for a in (tail, head)]
    twin = cells[1] - cells[0]
    for k, n in enumerate(shape):
        if periodic[k] and n > 2:
            twin[:, k] = (twin[:, k] + n // 2) % n - n // 2
    np.testing.assert_array_equal(out, twin)


def bernoulli(z):
    return np.where(z == 0, 1.0, z / np.expm1(np.where(z == 0, 1.0, z)))


@pytest.mark.parametrize("even", [True, False])
def test_edge_currents_against_the_twin(rng, even):
    n, m = 60, 900
    (tail, head), log_rho = random_list(rng, n, m), 3 * rng.standard_normal(n)
    weight, tilt = rng.random(m), 4 * rng.standard_normal(m)
    volume = np.array([0.4]) if even else rng.uniform(0.5, 2, n)
    out = np.empty((3, m))
    for part in range(2):
        current.edge_currents(part, 2, tail, head, weight, tilt, log_rho, volume, 1e-100, *out)
    velocity, affinity, over_denser = out
    rho, size = np.exp(log_rho), np.broadcast_to(volume, n)
    J = weight * (bernoulli(-tilt) * rho[tail] - bernoulli(tilt) * rho[head])
    J /= 0.5 * (size[tail] + size[head])
    g = log_rho[head] - log_rho[tail]
    np.testing.assert_allclose(affinity, tilt - g, rtol=0, atol=1e-13)
    np.testing.assert_allclose(velocity, J / (rho[tail] * bernoulli(-g)), rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(over_denser, J / np.maximum(rho[tail], rho[head]), atol=1e-12)
    # In detailed balance there is no current, to rounding, however small the density.
    log_rho -= 5000
    tilt = log_rho[head] - log_rho[tail]
    current.edge_currents(0, 1, tail, head, weight, tilt, log_rho, volume, 1e-100, *out)
    assert np.all(out == 0)


def test_moments_against_the_twin(rng):
    n, m, d = 80, 5000, 2
    (tail, head), x, width = random_list(rng, n, m), rng.random((d, n)), rng.random((d, n))
    offset, flow = rng.integers(-2, 3, (m, d)).astype(np.int16), rng.standard_normal(m)
    for w in (width, width[:, :1]):
        out = np.empty((-(-m // current.CHUNK), d * d))
        for part in range(2):
            current.moments(part, 2, tail, head, offset, x, w, flow, out)
        full = np.broadcast_to(w, (d, n))
        step = offset.T * 0.5 * (full[:, tail] + full[:, head])
        twin = np.einsum("ie,ke,e->ik", x[:, tail] + 0.5 * step, step, flow)
        np.testing.assert_allclose(out.sum(axis=0).reshape(d, d), twin, rtol=1e-9, atol=1e-11)


def test_longer_edges_are_no_faces():
    tail, flow = np.array([0, 1], np.int32), np.array([2.0, 3.0])
    faces, log_faces = np.zeros((2, 4)), np.zeros((2, 4))
    unit = np.array([[1, 0], [0, 1]], np.int16)
    assert current.unit_faces(tail, unit, flow, -flow, faces, log_faces)
    np.testing.assert_array_equal(faces, [[2, 0, 0, 0], [0, 3, 0, 0]])
    np.testing.assert_array_equal(log_faces, -faces)
    for long in ([1, 1], [0, 2]):
        assert not current.unit_faces(
            tail, np.array([[1, 0], long], np.int16), flow, flow, faces, log_faces
        )
