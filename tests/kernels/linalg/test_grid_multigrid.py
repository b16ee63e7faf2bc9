"""Grid multigrid kernels against twins in plain numpy, and what coarse chains inherit."""

import itertools

import numba
import numpy as np
import pytest

from fokkerplanck.kernels.linalg import grid_cycle, grid_multigrid

SHAPES = [
    ((1, 7, 9), (False, False, False)),
    ((1, 6, 8), (False, True, True)),
    ((1, 9, 5), (False, False, True)),
    ((1, 1, 11), (False, False, False)),
    ((5, 6, 7), (False, False, False)),
    ((4, 5, 6), (True, True, False)),
    ((2, 3, 2), (True, True, True)),
]


def random_chain(rng, shape, periodic, spread=3.0):
    """Random rates up, down (d, *shape), zero through walls, and a random log mass."""
    d = 2 if shape[0] == 1 else 3
    up, down = rng.random((2, d, *shape)) + 0.01
    for k in range(d):
        a = k + 3 - d
        if not periodic[a]:
            np.moveaxis(up[k], a, 0)[-1] = 0
            np.moveaxis(down[k], a, 0)[0] = 0
    return up, down, spread * rng.standard_normal(shape)


def numpy_inflows(up, down, log_mass):
    """Rates into a cell over its own mass, by whole arrays."""
    d = len(up)
    inflow = np.empty((2 * d, *log_mass.shape))
    for k in range(d):
        a = k + 3 - d
        inflow[2 * k] = np.roll(up[k] * np.exp(log_mass - np.roll(log_mass, -1, a)), 1, a)
        inflow[2 * k + 1] = np.roll(down[k] * np.exp(log_mass - np.roll(log_mass, 1, a)), -1, a)
    return inflow


def operator(inflow, diagonal):
    """L as a dense matrix (n, n), with u -> L u by whole arrays."""
    d, n = len(inflow) // 2, diagonal.size
    columns = []
    for u in np.eye(n):
        u = u.reshape(diagonal.shape)
        out = diagonal * u
        for k in range(d):
            a = k + 3 - d
            out -= inflow[2 * k] * np.roll(u, 1, a) + inflow[2 * k + 1] * np.roll(u, -1, a)
        columns.append(out.ravel())
    return np.array(columns).T


def kernel_inflows(up, down, log_mass):
    inflow = np.full((2 * len(up), *log_mass.shape), np.nan)
    grid_multigrid.inflows(up, down, log_mass, inflow)
    return inflow


def kernel_diagonals(up, down, shift):
    diagonal = np.full(shift.shape, np.nan)
    sums = np.full((shift.shape[0] * shift.shape[1], len(up) + 1), np.nan)
    grid_multigrid.diagonals(up, down, shift, diagonal, sums)
    return diagonal, sums


def pairs(n):
    """Bounds of blocks of two, the last of three if n is odd."""
    return np.append(np.arange(0, 2 * max(n // 2, 1), 2), n)


def starts_of(shape, coarsened=(True, True, True)):
    starts = [pairs(n) if c else np.arange(n + 1) for n, c in zip(shape, coarsened, strict=True)]
    starts[2] = starts[2].astype(np.uint64)
    return tuple(starts)


def coarse_chain(up, down, inflow, log_mass, shift, starts, periodic, *, is_corrected=True):
    """Kernel results: up, down, inflow, log mass, shift, centre, omega, weights."""
    d, coarse = len(up), tuple(len(s) - 1 for s in starts)
    c_up, c_down, centre = (np.zeros((d, *coarse)) for _ in range(3))
    c_inflow, c_log_mass, c_shift = np.zeros((2 * d, *coarse)), np.zeros(coarse), np.zeros(coarse)
    omega, weights = np.empty(log_mass.shape), np.full(up.shape, np.nan)
    grid_multigrid.aggregate(
        *starts, up, down, inflow, log_mass, shift, omega,
        c_up, c_down, c_inflow, c_log_mass, c_shift, centre,
    )  # fmt: skip
    if is_corrected:
        grid_multigrid.connect(*starts, np.array(periodic), centre, c_up, c_down, c_inflow, weights)
    return c_up, c_down, c_inflow, c_log_mass, c_shift, centre, omega, weights


def numpy_coarse(up, down, inflow, log_mass, shift, starts, periodic):
    """The same from the definition, block by block."""
    d, shape = len(up), log_mass.shape
    coarse = tuple(len(s) - 1 for s in starts)
    starts = [s.astype(int) for s in starts]
    c_up, c_down, centre = (np.zeros((d, *coarse)) for _ in range(3))
    c_inflow, c_log_mass, c_shift = np.zeros((2 * d, *coarse)), np.zeros(coarse), np.zeros(coarse)
    omega, weights = np.zeros(shape), np.zeros(up.shape)
    place = np.indices(shape)
    for I in np.ndindex(coarse):
        block = tuple(slice(s[i], s[i + 1]) for s, i in zip(starts, I, strict=True))
        c_log_mass[I] = np.logaddexp.reduce(log_mass[block], axis=None)
        omega[block] = share = np.exp(log_mass[block] - c_log_mass[I])
        c_shift[I] = (share * shift[block]).sum()
        for k in range(d):
            a = k + 3 - d
            centre[(k, *I)] = (share * place[(a, *block)]).sum()
            low = place[(a, *block)] == starts[a][I[a]]
            top = place[(a, *block)] == starts[a][I[a] + 1] - 1
            c_down[(k, *I)] = (share * down[(k, *block)])[low].sum()
            c_up[(k, *I)] = (share * up[(k, *block)])[top].sum()
            c_inflow[(2 * k, *I)] = (share * inflow[(2 * k, *block)])[low].sum()
            c_inflow[(2 * k + 1, *I)] = (share * inflow[(2 * k + 1, *block)])[top].sum()
    for k in range(d):
        a = k + 3 - d
        above = np.roll(centre[k], -1, a) - centre[k]
        np.moveaxis(above, a, 0)[-1] += shape[a]
        factor = 1 / above
        if not periodic[a] or coarse[a] == 1:
            np.moveaxis(factor, a, 0)[-1] = 0
        for out, inn, f in (
            (c_up[k], c_inflow[2 * k + 1], factor),
            (c_down[k], c_inflow[2 * k], np.roll(factor, 1, a)),
        ):
            net = (out - inn) * (f > 0)
            mean = np.maximum(f * (out + inn) / 2, abs(net) / 2)
            out[...], inn[...] = mean + net / 2, mean - net / 2
        for x in np.ndindex(shape):
            I = tuple(
                int(np.searchsorted(s, i, "right")) - 1 for s, i in zip(starts, x, strict=True)
            )
            xi = x[a] - centre[(k, *I)]
            weights[(k, *x)] = xi * (factor if xi > 0 else np.roll(factor, 1, a))[I]
    return c_up, c_down, c_inflow, c_log_mass, c_shift, centre, omega, weights


@pytest.mark.parametrize(("shape", "periodic"), SHAPES)
def test_product_is_its_numpy_twin(shape, periodic, rng):
    up, down, log_mass = random_chain(rng, shape, periodic)
    shift = rng.random(shape)
    inflow = kernel_inflows(up, down, log_mass)
    np.testing.assert_allclose(inflow, numpy_inflows(up, down, log_mass), rtol=1e-13)
    diagonal, sums = kernel_diagonals(up, down, shift)
    np.testing.assert_allclose(diagonal, up.sum(axis=0) + down.sum(axis=0) + shift, rtol=1e-14)
    by_axis = (up + down).sum(axis=3).reshape(len(up), -1).T
    np.testing.assert_allclose(sums[:, :-1], by_axis, rtol=1e-13)
    assert sums[:, -1].max() == 0  # no negative rate
    u, out = rng.standard_normal(shape), np.empty(shape)
    grid_multigrid.apply(inflow, diagonal, u, out)
    expected = operator(inflow, diagonal) @ u.ravel()
    np.testing.assert_allclose(out.ravel(), expected, atol=1e-12 * np.abs(inflow).max())


def test_a_negative_rate_is_seen(rng):
    up, down, log_mass = random_chain(rng, (1, 4, 5), (False,) * 3)
    down[1, 0, 2, 3] = -0.25
    _, sums = kernel_diagonals(up, down, 0 * log_mass)
    assert sums[:, -1].min() == -0.25


@pytest.mark.parametrize(("shape", "periodic"), SHAPES)
@pytest.mark.parametrize("coarsened", [(True, True, True), (True, False, True)])
def test_coarse_chain_is_its_numpy_twin(shape, periodic, coarsened, rng):
    up, down, log_mass = random_chain(rng, shape, periodic)
    shift = rng.random(shape)
    fine = (up, down, numpy_inflows(up, down, log_mass), log_mass, shift)
    starts = starts_of(shape, coarsened)
    names = ["up", "down", "inflow", "log_mass", "shift", "centre", "omega", "weights"]
    mine = coarse_chain(*fine, starts, periodic)
    twin = numpy_coarse(*fine, starts, periodic)
    for name, a, b in zip(names, mine, twin, strict=True):
        # Rates that the current leaves next to nothing of are differences of larger ones.
        np.testing.assert_allclose(a, b, rtol=1e-11, atol=1e-14 * fine[2].max(), err_msg=name)


def stationary(shape, rng, range_=40.0):
    """A chain on a torus with a current whose stationary log mass is known: log mass, up, down."""
    log_mass = range_ * rng.random(shape)
    d = 2 if shape[0] == 1 else 3
    up, down = np.empty((d, *shape)), np.empty((d, *shape))
    for k in range(d):
        a = k + 3 - d
        # Flows c + J / 2 and c - J / 2 through each face, J the same all around the torus.
        higher = np.maximum(log_mass, np.roll(log_mass, -1, a))
        c = np.exp(higher) * (0.5 + rng.random(shape)) + 1
        up[k] = (c + 0.5) / np.exp(log_mass)
        down[k] = np.roll(c - 0.5, 1, a) / np.exp(log_mass)
    return log_mass, up, down


@pytest.mark.parametrize("shape", [(1, 8, 6), (1, 7, 9), (4, 5, 6)])
def test_stationary_log_mass_is_stationary_on_every_level(shape, rng):
    log_mass, up, down = stationary(shape, rng)
    shift = np.zeros(shape)
    inflow = kernel_inflows(up, down, log_mass)
    for _ in range(3):
        out = up.sum(axis=0) + down.sum(axis=0)
        np.testing.assert_allclose(inflow.sum(axis=0), out, rtol=1e-12)
        up, down, inflow, log_mass, shift, *_ = coarse_chain(
            up, down, inflow, log_mass, shift, starts_of(log_mass.shape), (True,) * 3
        )


def test_a_guess_that_is_not_stationary_stays_so(rng):
    log_mass, up, down = stationary((1, 8, 6), rng, 1.0)
    log_mass[0, 3, 3] += 0.1
    inflow = kernel_inflows(up, down, log_mass)
    up, down, inflow, *_ = coarse_chain(
        up, down, inflow, log_mass, 0 * log_mass, starts_of(log_mass.shape), (True,) * 3
    )
    out = up.sum(axis=0) + down.sum(axis=0)
    assert np.abs(inflow.sum(axis=0) / out - 1).max() > 1e-4


@pytest.mark.parametrize(("shape", "periodic"), SHAPES)
def test_coarse_chain_conserves_mass_and_currents(shape, periodic, rng):
    up, down, log_mass = random_chain(rng, shape, periodic, 1.0)
    inflow = kernel_inflows(up, down, log_mass)
    fine = (up, down, inflow, log_mass, 0 * log_mass, starts_of(shape), periodic)
    c_up, c_down, c_inflow, Phi, *_ = coarse_chain(*fine)
    plain_up, plain_down, plain_inflow, *_ = coarse_chain(*fine, is_corrected=False)
    assert min(c_up.min(), c_down.min(), c_inflow.min()) >= 0
    for k in range(len(up)):
        a = k + 3 - len(up)
        for out, inn, plain, step in (
            (c_up[k], c_inflow[2 * k], plain_inflow[2 * k], 1),
            (c_down[k], c_inflow[2 * k + 1], plain_inflow[2 * k + 1], -1),
        ):
            # What leaves a block arrives next door, over the mass there.
            arrived = np.roll(out, step, a) * np.exp(np.roll(Phi, step, a) - Phi)
            assert np.all(np.abs(arrived - inn) <= 1e-13 * (plain + arrived))
        if Phi.shape[a] > 1:
            net = c_up[k] - c_inflow[2 * k + 1]
            plain = plain_up[k] - plain_inflow[2 * k + 1]
            scale = plain_up[k] + plain_inflow[2 * k + 1]
            assert np.all(np.abs(net - plain) <= 1e-14 * scale)
    assert plain_down.shape == c_down.shape


@pytest.mark.parametrize(("shape", "periodic"), SHAPES)
def test_neighbours_of_very_different_mass_do_not_overflow(shape, periodic, rng):
    log_mass = 550 * rng.random(shape)
    up, down, _ = random_chain(rng, shape, periodic)
    for k in range(len(up)):  # detailed balance with up_x e^phi_x = e^(mean of phi_x, phi_y)
        a = k + 3 - len(up)
        half = (np.roll(log_mass, -1, a) - log_mass) / 2
        up[k], down[k] = (up[k] > 0) * np.exp(half), (down[k] > 0) * np.exp(-np.roll(half, 1, a))
    shift, inflow = np.zeros(shape), kernel_inflows(up, down, log_mass)
    for _ in range(2):
        out = up.sum(axis=0) + down.sum(axis=0)
        np.testing.assert_allclose(inflow.sum(axis=0), out, rtol=1e-9, atol=1e-200)
        assert min(up.min(), down.min(), inflow.min()) >= 0
        up, down, inflow, log_mass, shift, *_ = coarse_chain(
            up, down, inflow, log_mass, shift, starts_of(log_mass.shape), periodic
        )


def test_flat_chain_has_half_the_conductance():
    shape = (1, 8, 8)
    up, down = np.ones((2, 2, *shape))
    log_mass = np.zeros(shape)
    fine = (up, down, kernel_inflows(up, down, log_mass), log_mass, log_mass)
    c_up, _, _, _, _, _, _, weights = coarse_chain(*fine, starts_of(shape), (True,) * 3)
    np.testing.assert_allclose(c_up, 0.25, rtol=1e-14)  # 1 / 2^2: consistent with a grid of 2 h
    np.testing.assert_allclose(np.abs(weights), 0.25, rtol=1e-14)


def lines_in_order(shape, is_forward, n_blocks):
    """Lines (i0, i1) in the order in which they are relaxed."""
    n0, n1, _ = shape
    sheets = n0 if n0 > 1 else n1
    order = []
    halves = (0, 1) if is_forward else (1, 0)
    if n_blocks == 1:
        bounds = [(0, sheets)]
    else:
        bounds = [
            (b * sheets // n_blocks, (b + 1) * sheets // n_blocks)
            for half in halves
            for b in range(half, n_blocks, 2)
        ]
    for start, stop in bounds:
        sheet_range = range(start, stop)
        lines = [(i, j) for i in sheet_range for j in range(n1)] if n0 > 1 else [
            (0, i) for i in sheet_range
        ]  # fmt: skip
        order += lines if is_forward else lines[::-1]
    return order


def level_arrays(rng, shape, periodic, dtype=float):
    """Random level: chain data, c, diagonal, pivot."""
    up, down, log_mass = random_chain(rng, shape, periodic, 0.5)
    inflow = numpy_inflows(up, down, log_mass)
    diagonal = up.sum(axis=0) + down.sum(axis=0) + inflow.sum(axis=0)
    c, centre, pivot = (np.empty(a.shape, dtype) for a in (inflow, diagonal, diagonal))
    grid_multigrid.fill_level(inflow, diagonal, c, centre, pivot, 1e-7, 0.0)
    return inflow, diagonal, c, centre, pivot


@pytest.mark.parametrize(("shape", "periodic"), SHAPES)
@pytest.mark.parametrize("is_forward", [True, False])
@pytest.mark.parametrize("n_blocks", [1, 4])
def test_relaxation_solves_line_after_line(shape, periodic, is_forward, n_blocks, rng):
    sheets = shape[0] if shape[0] > 1 else shape[1]
    n_blocks = n_blocks if sheets >= n_blocks else 1  # no block may be empty
    inflow, diagonal, c, _, pivot = level_arrays(rng, shape, periodic)
    L, cells = operator(inflow, diagonal), np.arange(diagonal.size).reshape(shape)
    r, start = rng.standard_normal((2, *shape))
    u = start.copy()
    grid_cycle.relax(c, pivot, r, u, is_forward, n_blocks)
    twin = start.ravel().copy()
    for i0, i1 in lines_in_order(shape, is_forward, n_blocks):
        line = cells[i0, i1]
        A = L[np.ix_(line, line)].copy()
        n = line.size
        if n > 2:
            closing = [(0, n - 1), (n - 1, 0)]
            A[tuple(zip(*closing, strict=True))] = 0  # around the torus: old values
        elif n == 2:
            A[0, 1], A[1, 0] = -inflow[-1, i0, i1, 0], -inflow[-2, i0, i1, 1]
        rest = r.ravel()[line] - L[line] @ twin + A @ twin[line]
        twin[line] = np.linalg.solve(A, rest)
    np.testing.assert_allclose(u.ravel(), twin, rtol=1e-10, atol=1e-11)


def test_a_line_without_exit_has_bounded_pivots():
    up, down = np.ones((2, 2, 1, 1, 6))
    up[0] = down[0] = 0  # no neighbours across
    up[1, ..., -1] = down[1, ..., 0] = 0
    inflow, diagonal = kernel_inflows(up, down, np.zeros((1, 1, 6))), up[1] + down[1]
    c, centre, pivot = np.empty_like(inflow), np.empty_like(diagonal), np.empty_like(diagonal)
    grid_multigrid.fill_level(inflow, diagonal, c, centre, pivot, 1e-7, 0.0)
    assert np.isfinite(pivot).all()
    assert pivot.max() <= 1.001e7


def test_levels_cut_what_is_far_out_of_balance(rng):
    up, down, log_mass = random_chain(rng, (1, 6, 7), (False,) * 3)
    inflow, diagonal = numpy_inflows(up, down, log_mass), up.sum(axis=0) + down.sum(axis=0)
    c, centre, pivot = np.empty_like(inflow), np.empty_like(diagonal), np.empty_like(diagonal)
    limit, least = grid_multigrid.UNBALANCED, np.median(diagonal)
    raised = np.maximum(diagonal, least)
    excess = inflow.sum(axis=0) / (limit * raised)
    assert (excess > 1).any()
    assert (excess < 1).any()
    grid_multigrid.fill_level(inflow, diagonal, c, centre, pivot, 1e-7, least)
    np.testing.assert_array_equal(centre, raised)
    np.testing.assert_allclose(c, inflow / np.maximum(excess, 1), rtol=1e-14)


@pytest.mark.parametrize(("shape", "periodic"), SHAPES)
@pytest.mark.parametrize("n_blocks", [1, 2])
def test_transfers_are_their_numpy_twins(shape, periodic, n_blocks, rng):
    inflow, diagonal, c, centre, _ = level_arrays(rng, shape, periodic)
    L = operator(inflow, diagonal)
    up, down, log_mass = random_chain(rng, shape, periodic)
    starts = starts_of(shape)
    fine = (up, down, numpy_inflows(up, down, log_mass), log_mass, 0 * log_mass)
    *_, omega, weights = coarse_chain(*fine, starts, periodic)
    r, u = rng.standard_normal((2, *shape))
    coarse = np.full([len(s) - 1 for s in starts], np.nan)
    grid_cycle.restrict(*starts, omega, c, centre, r, u, coarse, n_blocks)
    weighted = omega * (r - (L @ u.ravel()).reshape(shape))
    for a, s in enumerate(starts):
        weighted = np.add.reduceat(weighted, s[:-1].astype(int), axis=a)
    np.testing.assert_allclose(coarse, weighted, rtol=1e-11, atol=1e-12)

    e = rng.standard_normal(coarse.shape)
    d = len(up)
    before = u.copy()
    grid_cycle.prolong(*starts, weights, e, u, n_blocks)
    blocks = [np.repeat(np.arange(len(s) - 1), np.diff(s.astype(int))) for s in starts]
    twin = np.empty(shape)
    for x in np.ndindex(shape):
        I = [int(b[i]) for b, i in zip(blocks, x, strict=True)]
        value = 0.0
        for corner in itertools.product((0, 1), repeat=d):
            J, share = list(I), 1.0
            for k, step in enumerate(corner):
                w = weights[(k, *x)]
                share *= abs(w) if step else 1 - abs(w)
                a = k + 3 - d
                J[a] = (J[a] + step * (1 if w >= 0 else -1)) % e.shape[a]
            value += share * e[tuple(J)]
        twin[x] = value
    np.testing.assert_allclose(u - before, twin, rtol=1e-11, atol=1e-12)


def test_interpolation_is_exact_for_linear_functions(rng):
    shape = (1, 12, 14)
    up, down, log_mass = random_chain(rng, shape, (False,) * 3, 0.0)
    fine = (up, down, numpy_inflows(up, down, log_mass), log_mass, 0 * log_mass)
    starts = starts_of(shape)
    *_, centre, omega, weights = coarse_chain(*fine, starts, (False,) * 3)
    e = 2.0 + 0.5 * centre[0] - 0.25 * centre[1]
    u = np.zeros(shape)
    grid_cycle.prolong(*starts, weights, e, u, 1)
    _, y, x = np.indices(shape)
    inner = (slice(None), slice(1, -1), slice(1, -1))
    np.testing.assert_allclose(u[inner], (2.0 + 0.5 * y - 0.25 * x)[inner], rtol=1e-13)
    assert omega.min() > 0


def test_scaling_kernels(rng):
    a = rng.standard_normal((3, 4, 5))
    by_row, target = np.empty(12), np.empty(a.shape, np.float32)
    grid_cycle.largest(a, by_row)
    np.testing.assert_array_equal(by_row, np.abs(a).max(axis=2).ravel())
    grid_cycle.load(a, 0.5, target)
    np.testing.assert_array_equal(target, (0.5 * a).astype(np.float32))


def test_relaxation_does_not_depend_on_threads(rng):
    shape, periodic = (1, 64, 33), (False, True, True)
    _, _, c, _, pivot = level_arrays(rng, shape, periodic, np.float32)
    r = rng.standard_normal(shape).astype(np.float32)
    results = []
    threads = numba.get_num_threads()
    try:
        for n in (1, threads):
            numba.set_num_threads(n)
            u = np.zeros(shape, np.float32)
            grid_cycle.relax(c, pivot, r, u, True, 8)
            results.append(u)
    finally:
        numba.set_num_threads(threads)
    np.testing.assert_array_equal(*results)


def test_invert_is_the_inverse(rng):
    A = rng.random((30, 30)) * (rng.random((30, 30)) < 0.3)
    A += np.diag(1 + A.sum(axis=1))
    found = A.copy()
    grid_cycle.invert(found)
    np.testing.assert_allclose(found @ A, np.eye(30), atol=1e-13)
