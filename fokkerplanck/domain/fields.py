"""Scalars, vectors and tensors given as numbers, arrays or callables, and their derivatives.

Every check of a field's shape, finiteness, symmetry and sign is here. Callables are differentiated
by fourth-order central differences with a step well inside the cell, so that the error is below
that of any second-order scheme; arrays by second-order differences on the grid.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import ArrayLike
from scipy.interpolate import make_interp_spline

from fokkerplanck.domain.arguments import SYMMETRIC, asymmetry, frozen, real_array
from fokkerplanck.domain.expressions import Formula
from fokkerplanck.domain.grid import Grid, along
from fokkerplanck.domain.types import Array, Field
from fokkerplanck.kernels import threads
from fokkerplanck.kernels.scheme import tensors

#: Step of the difference quotients of callables, in cells: small against h, large against rounding.
STEP = 0.06
#: Most negative eigenvalue of D, over its largest entry, that still counts as zero.
ROUNDING = 1e-12
#: Largest entry of D: its products with temperatures and gradients have to be numbers.
LARGEST = 1e150
#: Largest jump of a callable across a periodic seam that is no mistake, over its range.
SEAM_CALLABLE = 1e-6
#: The same for arrays, over what the steepest slope elsewhere gives for the width of the seam.
SEAM_ARRAY = 4.0

#: Indices of one cell.
Cell: TypeAlias = Sequence[int | np.integer]
#: `scalar_field`, `vector_field`, `matrix_field` or a function with the same arguments.
Sample: TypeAlias = Callable[..., Array]


class Places(Protocol):
    """Where fields are evaluated: the cell centres of a `Grid`, or a cloud of other points."""

    @property
    def dim(self) -> int: ...  # noqa: D102

    @property
    def x(self) -> Array: ...  # noqa: D102

    @property
    def widths(self) -> tuple[Array, ...]: ...  # noqa: D102


def cell_text(grid: Places, cell: Cell) -> str:
    """Name a cell and where it lies, for messages."""
    return _place(grid.x, cell)


def _place(points: Array, cell: Cell) -> str:
    """Name a cell and the point at which a field was evaluated for it."""
    where = ", ".join(f"{c:.6g}" for c in points[at(cell)])
    return f"cell {tuple(int(i) for i in cell)}, x = ({where})"


def at(cell: Sequence[int | np.integer | slice]) -> Any:
    """Index of a cell, or of a range of cells, in an array (..., *shape)."""
    return (..., *cell)


def first_cell(mask: ArrayLike) -> tuple[int, ...]:
    """Multi-index of the first true cell."""
    mask = np.asarray(mask)
    return tuple(int(i) for i in np.unravel_index(int(np.argmax(mask)), mask.shape))


def check_finite(u: Array, points: Array, name: str) -> Array:
    """Return u (..., *shape) if finite, else say which component is not, and where."""
    bad = ~np.isfinite(u)
    if bad.any():
        shape = points.shape[1:]
        cell = first_cell(bad.any(axis=tuple(range(bad.ndim - len(shape)))))
        component = first_cell(bad[at(cell)]) if bad.ndim > len(shape) else ()
        label = f"{name}[{', '.join(map(str, component))}]" if component else name
        raise ValueError(
            f"{label} is {u[(*component, *cell)]} at {_place(points, cell)}; give finite values on "
            "the whole grid"
        )
    return u


def scalar_field(u: Field, grid: Places, name: str, points: Array | None = None) -> Array:
    """Float array (*shape) from a number, an array or a callable u(x, y, ...)."""
    points = grid.x if points is None else points
    shape = points.shape[1:]
    value = evaluate(u, points, name)
    expected = f"a number or an array of shape {shape}"
    value = real_array(value, name, expected if callable(u) else f"{expected}, or a function")
    if value.ndim and value.shape != shape:
        hint = ""
        if value.shape == shape[::-1]:
            hint = '; transpose it (the x axis comes first, indexing="ij")'
        raise ValueError(f"{name} {gave(u)} shape {value.shape}, expected {expected}{hint}")
    return check_finite(np.broadcast_to(value, shape), points, name)


def vector_field(u: Field, grid: Places, name: str, points: Array | None = None) -> Array:
    """Float array (d, *shape) from d numbers, an array, or a callable that returns d arrays."""
    points = grid.x if points is None else points
    d, shape = grid.dim, points.shape[1:]
    value = evaluate(u, points, name)
    expected = f"{d} arrays that broadcast to {shape}" if d > 1 else f"an array of shape {shape}"
    if not isinstance(value, (tuple, list)) or (d == 1 and len(value) == shape[0] > 1):
        value = real_array(value, name, expected if callable(u) else f"{expected}, or a function")
        if d == 1 and value.shape in ((), shape):
            value = value[None]
        if value.ndim not in (1, 1 + len(shape)) or len(value) != d:
            came = f"shape {value.shape}" if value.ndim else "one number"
            raise ValueError(_vector_text(u, name, came, d, expected))
    if len(value) != d:
        raise ValueError(_vector_text(u, name, f"{len(value)} components", d, expected))
    out = np.stack([_component(value[k], shape, f"{name}[{k}]") for k in range(d)])
    return check_finite(out, points, name)


def _vector_text(u: Field, name: str, came: str, d: int, expected: str) -> str:
    """Message for a vector of the wrong length."""
    verb = "return" if callable(u) else "give"
    return f"{name} {gave(u)} {came} on a {d}-dimensional grid; {verb} {expected}"


def matrix_field(
    u: Field, grid: Places, name: str, points: Array | None = None, columns: bool = False
) -> Array:
    """Float array (d, m, *shape) from a number, d numbers, a matrix, an array or a callable.

    m = d unless columns is true.
    """
    if points is None:
        points = grid.x
        _refuse_ambiguous(u, grid.dim, points.shape[1:], name)
    d, shape = grid.dim, points.shape[1:]
    if callable(u) and shape in ((d,), (d, d)):
        # Here values of a scalar field look like d numbers or a matrix: one point more.
        more = np.concatenate([points, points[..., -1:]], axis=-1)
        value = matrix_field(u, grid, name, more, columns)[..., :-1]
        return np.ascontiguousarray(value) if any(value.strides[2:]) else value
    entries = _matrix_entries(u, grid, name, points, columns)
    return check_finite(_compact(entries), points, name)


def _refuse_ambiguous(u: Field, d: int, shape: tuple[int, ...], name: str) -> None:
    """Refuse an array that may be a matrix or values over the grid."""
    if shape == (d, d) and isinstance(u, np.ndarray) and u.shape == shape:
        raise ValueError(
            f"{name} has shape {shape} on a grid of {d} x {d} cells, which may be a matrix or "
            "values over the grid; give a matrix as nested lists, values as a function"
        )


def _matrix_entries(
    u: Field, grid: Places, name: str, points: Array, columns: bool = False
) -> list[list[Array]]:
    """Entries of a matrix field, a list of rows of arrays (*shape)."""
    d, shape = grid.dim, points.shape[1:]
    value = evaluate(u, points, name)
    size = f"{d} x m" if columns else f"{d} x {d}"
    entry = f"each entry a number or an array of shape {shape}"
    expected = f"a number, {d} diagonal entries or a {size} matrix ({entry})"
    rows: list[Any] | None
    if isinstance(value, (tuple, list)) and not _is_list_of_cells(value, d, shape):
        rows, came = list(value), f"{len(value)} rows" if len(value) != 1 else "one row"
    else:
        value = real_array(value, name, expected if callable(u) else f"{expected}, or a function")
        rows, came = _rows_of_array(value, d, shape), f"shape {value.shape}"
    if rows is not None and len(rows) == d:
        if all(_is_entry(row, shape) for row in rows):
            rows = [[row if i == k else 0.0 for k in range(d)] for i, row in enumerate(rows)]
        lengths = [len(list(row)) if np.iterable(row) else 1 for row in rows]
        if len(set(lengths)) == 1 and (columns or lengths[0] == d):
            return _entries(rows, shape, name)
        came = f"rows of {' and '.join(map(str, lengths))} entries"
    raise ValueError(f"{name} {gave(u)} {came} on a {d}-dimensional grid; give {expected}")


def _is_list_of_cells(value: Any, d: int, shape: tuple[int, ...]) -> bool:
    """True if a list holds one number for each cell of a line."""
    return d == 1 and len(value) == shape[0] > 1 and all(np.ndim(u) == 0 for u in value)


def _is_entry(row: Any, shape: tuple[int, ...]) -> bool:
    """True if row is one number or array over the grid, not a row of a matrix."""
    return not isinstance(row, (tuple, list)) and np.shape(row) in ((), shape)


def _rows_of_array(value: Array, d: int, shape: tuple[int, ...]) -> list[Any] | None:
    """Rows from a number (times the identity), (*shape), (d,), (d, d) or (d, m, *shape) arrays."""
    if value.ndim == 0 or (value.shape == shape and shape not in ((d,), (d, d))):
        return [value] * d
    if value.shape in ((d,), (d, *shape)):
        return list(value)
    if value.ndim in (2, 2 + len(shape)) and len(value) == d:
        fits = value.ndim == 2 or value.shape[2:] == shape
        return [list(row) for row in value] if fits else None
    return None


def _entries(rows: list[Any], shape: tuple[int, ...], name: str) -> list[list[Array]]:
    """Broadcast every entry of a matrix to the grid."""
    return [
        [_component(u, shape, f"{name}[{i}, {k}]") for k, u in enumerate(row)]
        for i, row in enumerate(rows)
    ]


def _compact(entries: list[list[Array]]) -> Array:
    """Stack entries (d, m, *shape); constant ones stay broadcast views of one number."""
    first = entries[0][0]
    if all(not any(e.strides) for row in entries for e in row):
        small = np.array([[e.flat[0] for e in row] for row in entries])
        return np.broadcast_to(
            small.reshape(small.shape + (1,) * first.ndim), small.shape + first.shape
        )
    return np.stack([np.stack(row) for row in entries])


def _component(value: Any, shape: tuple[int, ...], name: str) -> Array:
    """One component as a (*shape) array or broadcast view."""
    value = real_array(value, name, f"a number or an array of shape {shape}")
    try:
        return np.broadcast_to(value, shape)
    except ValueError:
        raise ValueError(f"{name} has shape {value.shape}, expected () or {shape}") from None


def evaluate(u: Field, points: Sequence[Array] | Array, name: str) -> Any:
    """Value of a user's function of one array per axis; anything but a function as it is."""
    if not callable(u):
        return u
    d = len(points)
    call = f"{name}({', '.join('xyz'[:d])})" if d > 1 else f"{name}(x)"
    try:
        with np.errstate(all="ignore"):
            value = u(*points)
    except (TypeError, ValueError) as error:
        arrays = f"{d} arrays, one per axis" if d > 1 else "one array"
        if not takes(u, d):
            raise ValueError(
                f"{call} could not be called: {error}; it is given {arrays}"
            ) from error
        if not isinstance(error, TypeError) and not mistaken(error):
            raise
        raise ValueError(
            f"{call} failed: {error}; it is given {arrays}, so use numpy functions, np.where in "
            "place of if, and change no argument"
        ) from error
    if value is None:
        raise ValueError(f"{call} returned None; return its value")
    return value


def check_repeatable(u: object, grid: Grid, name: str) -> None:
    """Raise if a callable gives other values at a few cells when it is called again."""
    if not callable(u):
        return
    few = np.ix_(*(sorted({0, n // 2, n - 1}) for n in grid.shape))
    points = frozen(np.stack([x[few] for x in grid.x]))
    try:
        first, second = (_flat(evaluate(u, points, name), name) for _ in range(2))
    except ValueError:  # a function of the grid's own shape
        first, second = (_flat(evaluate(u, grid.x, name), name) for _ in range(2))
    same = len(first) == len(second) and all(
        np.array_equal(a, b, equal_nan=True) for a, b in zip(first, second, strict=True)
    )
    if not same:
        raise ValueError(
            f"{name} returns other values when it is called again at the same points; give a "
            "function without randomness or a memory"
        )


def _flat(value: Any, name: str) -> list[Array]:
    """Arrays in a nested list or tuple, in order, as copies: a function may write to its last."""
    if isinstance(value, (tuple, list)):
        return [array for entry in value for array in _flat(entry, name)]
    return [np.array(real_array(value, name, "real numbers"))]


def takes(u: Callable[..., Any], n: int) -> bool:
    """False if the function u cannot be called with n arguments."""
    try:
        inspect.signature(u).bind(*range(n))
    except TypeError:
        return False
    except ValueError:  # a builtin without a signature
        return True
    return True


def mistaken(error: Exception) -> bool:
    """True for what numpy says to functions that expect other arrays, or write to their input."""
    words = ("truth value of an array", "read-only", "broadcast", "matmul", "aligned")
    return any(word in str(error) for word in words)


def is_gridded(u: object, shape: tuple[int, ...]) -> bool:
    """True if u is, or holds, an array over the grid (a callable or constant does not)."""
    if isinstance(u, (tuple, list)):
        is_line = len(shape) == 1 and _is_list_of_cells(u, 1, shape)
        return is_line or any(is_gridded(entry, shape) for entry in u)
    return isinstance(u, np.ndarray) and u.ndim >= len(shape) and u.shape[-len(shape) :] == shape


def gave(u: object) -> str:
    """Verb for messages: callables return, arrays have."""
    return "returned" if callable(u) else "has"


def check_diffusion(D: Array, grid: Grid, name: str = "D") -> Array:
    """Return D (d, d, *shape), made exactly symmetric, if it is >= 0; else say where not."""
    d = grid.dim
    if np.abs(D).max() > LARGEST:
        cell = first_cell(np.abs(D).max(axis=(0, 1)) > LARGEST)
        raise ValueError(
            f"{name} reaches {np.abs(D).max():g} at {cell_text(grid, cell)}, where products "
            f"overflow; give {name} below {LARGEST:g}, in other units of length or time"
        )
    if not any(D.strides[2:]):  # one matrix for all cells
        one = _checked_cells(D[at((slice(1),) * d)], grid, name)
        return np.broadcast_to(one, D.shape)
    return _checked_cells(D, grid, name)


def _checked_cells(D: Array, grid: Grid, name: str) -> Array:
    """``check_diffusion`` of an array, which may hold the first cells of the grid only."""
    d = grid.dim
    if any(not np.array_equal(D[i, k], D[k, i]) for i in range(d) for k in range(i)):
        skew = asymmetry(D) > SYMMETRIC
        if skew.any():
            cell = first_cell(skew)
            raise ValueError(
                f"{name} is not symmetric at {cell_text(grid, cell)}: "
                f"{np.round(D[at(cell)], 6).tolist()}; give D = D^T"
            )
        D = 0.5 * (D + np.swapaxes(D, 0, 1))
    if not _surely_positive(D):
        scale, least = np.abs(D).max(axis=(0, 1)), smallest_eigenvalue(D)
        if (least < -ROUNDING * scale).any():
            cell = first_cell(least == least.min())
            raise ValueError(
                f"{name} has the negative eigenvalue {least[cell]:.6g} at {cell_text(grid, cell)}; "
                "give a diffusion matrix without negative eigenvalues"
            )
    if not D.any():
        raise ValueError(
            f"{name} is zero everywhere, and without noise there is no Fokker-Planck density; give "
            f"{name} > 0 somewhere"
        )
    return D


def _surely_positive(D: Array) -> bool:
    """True if elimination shows that D (d, d, *shape) is positive everywhere: no eigenvalues."""
    d = D.shape[0]
    flat = np.ascontiguousarray(D).reshape(d * d, -1)
    flags, parts = np.empty(flat.shape[1], bool), threads.parts(flat.shape[1])
    flat = frozen(flat.view())
    threads.run(
        tensors.suspects, tensors.suspects_threads, parts, flat, np.ones((d, d)), 0.0, ROUNDING,
        flags,
    )  # fmt: skip
    return not flags.any()


def smallest_eigenvalue(D: Array) -> Array:
    """Smallest eigenvalue of the symmetric field D (d, d, *shape), shape (*shape)."""
    if D.shape[0] == 1:
        return D[0, 0]
    if D.shape[0] == 2:
        half = 0.5 * (D[0, 0] - D[1, 1])
        return 0.5 * (D[0, 0] + D[1, 1]) - np.hypot(half, D[0, 1])
    if not any(D.strides[2:]):
        return np.broadcast_to(np.linalg.eigvalsh(D[at((0,) * (D.ndim - 2))])[0], D.shape[2:])
    return np.asarray(np.linalg.eigvalsh(np.moveaxis(D, (0, 1), (-2, -1)))[..., 0], float)


def quotient(function: Callable[[Array], Array], x: Array, axis: int, step: float | Array) -> Array:
    """Fourth-order difference quotient of a function of points x (d, ...) along one axis."""

    def moved(steps: int) -> Array:
        points = np.array(x)
        points[axis] += steps * step
        return function(points)

    return (8 * (moved(1) - moved(-1)) - (moved(2) - moved(-2))) / (12 * step)


def derivative(
    u: Field, grid: Places, axis: int, name: str, sample: Sample = scalar_field
) -> Array:
    r"""Partial derivative along one axis, of a callable or of an array with space last."""
    if isinstance(u, Formula):  # exact
        return sample(u.partial(axis), grid, name, grid.x)
    if callable(u):
        step = STEP * along(grid.widths[axis], axis, grid.dim)
        return quotient(lambda points: sample(u, grid, name, points), grid.x, axis, step)
    values = sample(u, grid, name)
    # Of what is no function only constants are known beside cell centres: `sample` refuses arrays.
    return difference(values, grid, axis) if isinstance(grid, Grid) else np.zeros(values.shape)


def difference(u: Array, grid: Grid, axis: int) -> Array:
    r"""Second-order difference of an array (..., \*shape) along one axis, one-sided at walls."""
    space = u.ndim - grid.dim + axis
    if u.strides[space] == 0:
        return np.zeros(u.shape)
    centers = grid.centers[axis]
    if not grid.periodic[axis]:
        return np.gradient(u, centers, axis=space, edge_order=2 if len(centers) > 2 else 1)
    length = grid.box[axis][1] - grid.box[axis][0]
    ghost = np.concatenate([centers[-1:] - length, centers, centers[:1] + length])
    last, first = np.take(u, [-1], axis=space), np.take(u, [0], axis=space)
    wide = np.gradient(np.concatenate([last, u, first], axis=space), ghost, axis=space)
    return np.take(wide, np.arange(1, len(centers) + 1), axis=space)


def gradient(u: Field, grid: Places, name: str) -> Array:
    r"""Gradient (d, \*shape) of a scalar callable or array."""
    return np.stack([derivative(u, grid, k, name) for k in range(grid.dim)])


def row_divergence(A: Field, grid: Places, name: str) -> Array:
    r"""Row divergence :math:`(\nabla\cdot A)_i = \sum_k \partial_k A_{ik}`, shape (d, \*shape)."""
    terms = (derivative(A, grid, k, name, partial(_column, k)) for k in range(grid.dim))
    return sum(terms, np.zeros(()))


def _column(k: int, u: Field, grid: Places, name: str, points: Array | None = None) -> Array:
    """Column k of a matrix field, (d, *shape), without copies of the others."""
    points = grid.x if points is None else points
    rows = _matrix_entries(u, grid, name, points)
    return np.stack(
        [check_finite(row[k], points, f"{name}[{i}, {k}]") for i, row in enumerate(rows)]
    )


def check_periodic(
    u: Field, values: Array, grid: Grid, name: str, sample: Sample = scalar_field
) -> None:
    """Raise if a field u, of values (..., *shape) on the grid, jumps across a periodic seam."""
    for k in (k for k, wraps in enumerate(grid.periodic) if wraps):
        axis = values.ndim - grid.dim + k
        if callable(u):
            ends = []
            for face in grid.box[k]:
                points = np.take(grid.x, [0], axis=k + 1)
                points[k] = face
                ends.append(sample(u, grid, f"{name} on a periodic face", points))
            jump = np.abs(ends[1] - ends[0]).max()
            limit = SEAM_CALLABLE * np.ptp(values) + 1e-12 * np.abs(values).max()
        else:
            x, (lo, hi) = grid.centers[k], grid.box[k]
            ends = [np.take(values, i, axis=axis) for i in (0, -1)]
            jump = np.abs(ends[1] - ends[0]).max()
            steps = along(np.diff(x), axis, values.ndim)
            steepest = np.abs(np.diff(values, axis=axis) / steps).max()
            gap = hi - lo - (x[-1] - x[0])
            limit = SEAM_ARRAY * gap * steepest + 1e-12 * np.abs(values).max()
        if jump > limit:
            hint = (
                "; make it periodic, or give drift= in place of a potential (a tilted ring has no "
                "single-valued potential)"
            )
            raise ValueError(
                f"{name} jumps by {jump:.3g} across the seam of the periodic axis {k}"
                + (hint if values.ndim == grid.dim else "; make it periodic")
            )


def interpolate(u: Array, source: Grid, target: Grid, degree: int = 3) -> Array:
    r"""Spline through the cells of one grid (\*shape), at those of another on its box."""
    for k, periodic in enumerate(source.periodic):
        nodes, length = source.centers[k], source.box[k][1] - source.box[k][0]
        if periodic:
            m = min(degree, len(nodes))
            turns = [nodes[-m:] - length, nodes, nodes[:m] + length]
            edge = np.take(u, range(-m, 0), axis=k), u, np.take(u, range(m), axis=k)
            nodes, u = np.concatenate(turns), np.concatenate(edge, axis=k)
        order = min(degree, len(nodes) - 1)
        u = make_interp_spline(nodes, u, k=order, axis=k)(target.centers[k])
    return u
