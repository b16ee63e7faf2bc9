"""Scalars, vectors and tensors given as numbers, arrays or callables, and their derivatives.

Every check of a field's shape, finiteness, symmetry and sign is here. Callables are differentiated
by fourth-order central differences with a step well inside the cell, so that the error is below
that of any second-order scheme; arrays by second-order differences on the grid.
"""

from __future__ import annotations

import numpy as np

# Step of the difference quotients of callables, in cells: small against h, large against rounding.
STEP = 0.06
# D may be indefinite by this much (relative to its largest eigenvalue) and still count as >= 0.
ROUNDING = 1e-12


def cell_text(grid, cell) -> str:
    """Name a cell and where it lies, for messages."""
    where = ", ".join(f"{c[i]:.6g}" for c, i in zip(grid.centers, cell, strict=True))
    return f"cell {tuple(int(i) for i in cell)}, x = ({where})"


def first_cell(mask) -> tuple[int, ...]:
    """Multi-index of the first true cell."""
    return tuple(int(i) for i in np.unravel_index(int(np.argmax(mask)), mask.shape))


def check_finite(u, grid, name):
    """Return u if finite, else say where it is not."""
    bad = ~np.isfinite(u)
    if bad.any():
        cell = first_cell(bad.reshape((-1, *grid.shape)).any(axis=0))
        value = u.reshape((-1, *grid.shape))[(slice(None), *cell)]
        raise ValueError(
            f"{name} is {value[~np.isfinite(value)][0]} at {cell_text(grid, cell)}; it must be "
            "finite at every cell centre"
        )
    return u


def scalar_field(u, grid, name, points=None):
    """Float array (*shape) from a number, an array or a callable u(x, y, ...)."""
    points = grid.x if points is None else points
    value = _call(u, points, name, grid) if callable(u) else u
    value = _as_float(value, name)
    if value.ndim and value.shape != grid.shape:
        expected = f"a number or shape {grid.shape}"
        raise ValueError(f"{name} {_gave(u)} shape {value.shape}, expected {expected}")
    return check_finite(np.broadcast_to(value, grid.shape), grid, name)


def vector_field(u, grid, name, points=None):
    """Float array (d, *shape) from d numbers, an array, or a callable that returns d arrays."""
    points = grid.x if points is None else points
    d = grid.dim
    value = _call(u, points, name, grid) if callable(u) else u
    if d == 1 and not isinstance(value, (tuple, list)) and np.shape(value) in ((), grid.shape):
        value = [value]
    if np.ndim(value) == 0 or len(value) != d:
        n = "one number" if np.ndim(value) == 0 else f"{len(value)} components"
        raise ValueError(
            f"{name} {_gave(u)} {n} on a {d}-dimensional grid; give {d} arrays that broadcast to "
            f"{grid.shape}"
        )
    out = np.stack([_component(value[k], grid, f"{name}[{k}]") for k in range(d)])
    return check_finite(out, grid, name)


def matrix_field(u, grid, name, points=None, columns=None):
    """Float array (d, m, *shape) from a number, d numbers, a matrix, an array or a callable."""
    points = grid.x if points is None else points
    d = grid.dim
    value = _call(u, points, name, grid) if callable(u) else u
    if not isinstance(value, np.ndarray):
        value = list(value) if isinstance(value, (tuple, list)) else _as_float(value, name)
    rows = value if isinstance(value, list) else None
    if rows is None:
        rows = _matrix_from_array(value, grid, name, u)
    if len(rows) != d:
        raise ValueError(f"{name} {_gave(u)} {len(rows)} rows on a {d}-dimensional grid; give {d}")
    nested = [isinstance(r, (tuple, list)) for r in rows]
    if not any(nested) and all(np.shape(r) in ((), grid.shape) for r in rows):
        rows = [[rows[i] if i == k else 0.0 for k in range(d)] for i in range(d)]
    lengths = [len(r) if np.iterable(r) else 1 for r in rows]
    m = lengths[0]
    if any(k != m for k in lengths) or (columns is None and m != d):
        raise ValueError(
            f"{name} {_gave(u)} rows of {lengths} entries; give a number, {d} "
            f"diagonal entries or a {d} x {d} matrix"
        )
    entries = [[_component(rows[i][k], grid, f"{name}[{i}, {k}]") for k in range(m)] for i in range(d)]
    return check_finite(_compact(entries, grid), grid, name)


def _matrix_from_array(value, grid, name, u):
    """Rows from a number (times the identity), (*shape), (d,), (d, d) or (d, m, *shape) arrays."""
    d = grid.dim
    if value.ndim == 0 or (value.shape == grid.shape and value.shape not in ((d,), (d, d))):
        return [[value if i == k else 0.0 for k in range(d)] for i in range(d)]
    if value.shape == (d,) or value.shape == (d, *grid.shape):
        return [[value[i] if i == k else 0.0 for k in range(d)] for i in range(d)]
    if value.ndim in (2, 2 + d) and value.shape[0] == d:
        return [list(row) for row in value]
    raise ValueError(
        f"{name} {_gave(u)} shape {value.shape}; give a number, ({d},), ({d}, {d}), {grid.shape}, "
        f"{(d, *grid.shape)} or {(d, d, *grid.shape)}"
    )


def _compact(entries, grid):
    """Stack entries (d, m, *shape); constant ones stay broadcast views of one number."""
    if all(e.strides == (0,) * grid.dim for row in entries for e in row):
        corner = (0,) * grid.dim
        small = np.array([[e[corner] for e in row] for row in entries])
        return np.broadcast_to(
            small.reshape(small.shape + (1,) * grid.dim), small.shape + grid.shape
        )
    return np.stack([np.stack(row) for row in entries])


def _component(value, grid, name):
    """One component as a (*shape) array or broadcast view."""
    value = _as_float(value, name)
    try:
        return np.broadcast_to(value, grid.shape)
    except ValueError:
        raise ValueError(f"{name} has shape {value.shape}, which does not fit the grid's {grid.shape}") from None


def _as_float(value, name):
    """Float array, or a message that says what came."""
    if np.iscomplexobj(value):
        raise ValueError(f"{name} is complex; give real numbers")
    try:
        return np.asarray(value, dtype=float)
    except (TypeError, ValueError):
        raise ValueError(f"{name} is {type(value).__name__}, not real numbers") from None


def _call(u, points, name, grid):
    """Call a user's function, one array per axis, with a message where it does not fit."""
    try:
        with np.errstate(all="ignore"):
            return u(*points)
    except TypeError as error:
        if "argument" not in str(error):
            raise
        axes = ", ".join("xyz"[: grid.dim])
        raise ValueError(f"{name}({axes}) could not be called: {error}; take {grid.dim} arrays") from error


def _gave(u):
    """Verb for messages: callables return, arrays have."""
    return "returned" if callable(u) else "has"


def check_diffusion(D, grid, name="D"):
    """Return D (d, d, *shape) if symmetric and >= 0 everywhere; name cell and eigenvalue if not."""
    d = grid.dim
    scale = np.abs(D).max(axis=(0, 1))
    if d > 1:
        defect = np.abs(D - np.swapaxes(D, 0, 1)).max(axis=(0, 1)) > 1e-10 * scale
        if defect.any():
            cell = first_cell(defect)
            raise ValueError(
                f"{name} is not symmetric at {cell_text(grid, cell)}: "
                f"{np.round(D[(slice(None), slice(None), *cell)], 6).tolist()}; give D = D^T"
            )
    least = smallest_eigenvalue(D)
    if (least < -ROUNDING * scale).any():
        cell = first_cell(least == least.min())
        raise ValueError(
            f"{name} is indefinite: eigenvalue {least[cell]:.6g} at {cell_text(grid, cell)}; a "
            "diffusion matrix has no negative eigenvalue"
        )
    if not scale.any():
        raise ValueError(f"{name} is zero everywhere: without noise there is no Fokker-Planck density")
    return D


def smallest_eigenvalue(D):
    """Smallest eigenvalue of the symmetric field D (d, d, *shape), shape (*shape)."""
    if D.shape[0] == 1:
        return D[0, 0]
    if D.shape[0] == 2:
        half = 0.5 * (D[0, 0] - D[1, 1])
        return 0.5 * (D[0, 0] + D[1, 1]) - np.hypot(half, D[0, 1])
    if all(s == 0 for s in D.strides[2:]):
        return np.broadcast_to(np.linalg.eigvalsh(D[:, :, 0, 0, 0])[0], D.shape[2:])
    return np.linalg.eigvalsh(np.moveaxis(D, (0, 1), (-2, -1)))[..., 0]


def derivative(u, grid, axis, name, sample=scalar_field):
    r"""Partial derivative along one axis, of a callable or of an array with space last."""
    if callable(u):
        step = STEP * grid.widths[axis].reshape([-1 if i == axis else 1 for i in range(grid.dim)])

        def shifted(k):
            points = grid.x.copy()
            points[axis] += k * step
            return sample(u, grid, name, points)

        return (8 * (shifted(1) - shifted(-1)) - (shifted(2) - shifted(-2))) / (12 * step)
    return difference(sample(u, grid, name), grid, axis)


def difference(u, grid, axis):
    r"""Second-order difference of an array (..., \*shape) along one axis, one-sided at walls."""
    space = u.ndim - grid.dim + axis
    if u.strides[space] == 0:
        return np.zeros(u.shape)
    centers = grid.centers[axis]
    if not grid.periodic[axis]:
        order = 2 if len(centers) > 2 else 1
        return np.gradient(u, centers, axis=space, edge_order=order)
    length = grid.box[axis][1] - grid.box[axis][0]
    ghost = np.concatenate([centers[-1:] - length, centers, centers[:1] + length])
    last, first = np.take(u, [-1], axis=space), np.take(u, [0], axis=space)
    wide = np.gradient(np.concatenate([last, u, first], axis=space), ghost, axis=space)
    return np.take(wide, np.arange(1, len(centers) + 1), axis=space)


def gradient(u, grid, name):
    r"""Gradient (d, \*shape) of a scalar callable or array."""
    return np.stack([derivative(u, grid, k, name) for k in range(grid.dim)])


def row_divergence(A, grid, name, sample=matrix_field):
    r"""Row divergence :math:`(\nabla\cdot A)_i = \sum_k \partial_k A_{ik}`, shape (d, \*shape)."""
    return sum(derivative(A, grid, k, name, sample)[:, k] for k in range(grid.dim))


def check_periodic(u, grid, name):
    """Raise if a scalar callable jumps across a periodic seam."""
    for k, wraps in enumerate(grid.periodic):
        if not wraps:
            continue
        ends = []
        for face in grid.box[k]:
            points = grid.x.copy()
            points[k] = face
            ends.append(scalar_field(u, grid, name, points))
        jump = np.abs(ends[1] - ends[0]).max()
        scale = np.ptp(scalar_field(u, grid, name)) + 1e-300
        if jump > 1e-6 * scale:
            raise ValueError(
                f"{name} jumps by {jump:.3g} across the periodic axis {k}; make it periodic, or give "
                "drift= in place of a potential (a tilted ring has no single-valued potential)"
            )
