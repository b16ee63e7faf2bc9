"""Kernels of currents, stream functions and potentials against plain Python twins."""

import numpy as np
import pytest

from fokkerplanck.kernels import current


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
