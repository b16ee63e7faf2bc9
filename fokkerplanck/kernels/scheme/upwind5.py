"""Rows of a linear flux of high order: mass currents through the faces across one axis."""

import math

from numba import njit

#: Offsets of the cells that a face may read along its axis: from FIRST below its lower cell on.
FIRST, WIDTH = -2, 6
#: Rows of the table of weights: values by five and by three cells with the wind from below and from
#: above, the mean of two, and slopes by four cells and by two.
UP5, UP3, DOWN5, DOWN3, MEAN, SLOPE4, SLOPE2 = range(7)
#: In place of such a row: the value of the lower or of the upper cell alone.
UPWIND_LOW, UPWIND_UP = 7, 8
#: Weights over the four cells of a mean along the axis, and over five of a slope across it.
MEAN4 = (-1 / 12, 7 / 12, 7 / 12, -1 / 12)
SLOPE5 = (1 / 12, -8 / 12, 0.0, 8 / 12, -1 / 12)
#: Drift over diffusion across a cell, beyond which the exponential of its fit is cut.
STEEPEST = 600.0


@njit(cache=True)
def bernoulli(z):
    """B(z) = z / (e^z - 1), with B(0) = 1."""
    if z == 0.0:
        return 1.0
    if z > STEEPEST:
        return z * math.exp(-z)
    return z / math.expm1(z)


@njit(cache=True)
def axis_faces(k, shape, periodic, tables, face_drift, fields, flags, lower, rows):
    """Fill the rows of the faces across axis k: cells read, and their weights on cell masses.

    Parameters
    ----------
    k : int
    shape : int array (d,)
    periodic : bool array (d,)
    tables : array (7, faces along the axis, WIDTH)
        Weights of values, and of slopes (1/length).
    face_drift : array (m,) or (0,)
        Drift at the faces, for axes of cells of different widths.
    fields : tuple of arrays
        Widths of cells (d, largest n), drift along the axis at cells (n,), and row k of kT D at
        cells (d, n).
    flags : tuple of bool arrays (n,)
        Free cells, as against cells of sets in which mass ends; and cells at walls onto which the
        drift presses mass: no wide stencil reads them.
    lower : int array (m,)
        Lower cell of every face.
    rows : tuple of arrays, filled
        Columns and values (m, cells a face reads at most), counts (m,).
    """
    d = shape.size
    n = shape[k]
    stride = 1
    for t in range(k + 1, d):
        stride *= shape[t]
    drift, (free, closed), counts = fields[1], flags, rows[2]
    both = (1 << 2) | (1 << 3)
    for f in range(lower.size):
        low = lower[f]
        i = (low // stride) % n
        counts[f] = 0
        reach = _reach(low, i, n, stride, periodic[k], free, closed)
        if reach & both != both:
            continue  # a face of a set: mass ends there, which is no matter of this matrix
        up = low + (((i + 1) % n) - i) * stride
        pressed = closed[low] or closed[up]
        forward = drift[low] + drift[up] > 0.0
        face = (f, low, up, i)
        if pressed and fields[2][k, low] > 0.0 and fields[2][k, up] > 0.0:
            m = _fitted(face, n, k, fields, rows)
        else:
            row = _value_row(reach, pressed, forward)
            m = _along(face, n, k, stride, reach, row, tables, face_drift, fields, rows)
        wide = reach & 0b11110 == 0b11110
        for t in range(d):
            if t != k:
                m = _across(face, k, t, stride, wide, shape, periodic, fields, free, rows, m)
        counts[f] = m


@njit(cache=True)
def _reach(low, i, n, stride, wraps, free, closed):
    """Bit of every offset along the axis whose cell a face may read."""
    reach = 0
    for o in range(WIDTH):
        place = i + FIRST + o
        if wraps:
            place %= n
        elif place < 0 or place >= n:
            continue
        cell = low + (place - i) * stride
        if free[cell] and (not closed[cell] or 2 <= o <= 3):
            reach |= 1 << o
    return reach


@njit(cache=True)
def _value_row(reach, pressed, forward):
    """Row of the table of weights of a value at a face; UPWIND_LOW or UPWIND_UP for one cell."""
    if pressed:
        return UPWIND_LOW if forward else UPWIND_UP
    if forward:
        if reach & 0b011111 == 0b011111:
            return UP5
        if reach & 0b001110 == 0b001110:
            return UP3
    elif reach & 0b111110 == 0b111110:
        return DOWN5
    elif reach & 0b011100 == 0b011100:
        return DOWN3
    return MEAN


@njit(cache=True)
def _fitted(face, n, k, fields, rows):
    """Exponential fit of drift and diffusion between two cells; how many cells were read."""
    f, low, up, i = face
    widths, drift, D = fields
    columns, values = rows[0], rows[1]
    near, far = widths[k, i], widths[k, (i + 1) % n]
    distance = 0.5 * (near + far)
    z = 0.5 * distance * (drift[low] / D[k, low] + drift[up] / D[k, up])
    z = min(max(z, -STEEPEST), STEEPEST)
    columns[f, 0], columns[f, 1] = low, up
    values[f, 0] = bernoulli(-z) * D[k, low] / (distance * near)
    values[f, 1] = -bernoulli(z) * D[k, up] / (distance * far)
    return 2


@njit(cache=True)
def _along(face, n, k, stride, reach, row, tables, face_drift, fields, rows):
    """Drift and diffusion along the axis; how many cells were read."""
    f, low, _, i = face
    widths, drift, D = fields
    columns, values = rows[0], rows[1]
    slope = SLOPE4 if reach & 0b11110 == 0b11110 else SLOPE2
    at_face = face_drift.size > 0 and row <= MEAN
    m = 0
    for o in range(WIDTH):
        if not reach & (1 << o):
            continue
        place = (i + FIRST + o) % n
        cell = low + (place - i) * stride
        if row <= MEAN:
            weight = tables[row, i, o]
        else:  # the cell that the drift comes from
            weight = 1.0 if o == (2 if row == UPWIND_LOW else 3) else 0.0
        b = face_drift[f] if at_face else drift[cell]
        value = (weight * b - tables[slope, i, o] * D[k, cell]) / widths[k, place]
        if value != 0.0:
            columns[f, m], values[f, m] = cell, value
            m += 1
    return m


@njit(cache=True)
def _slope_weight(o, q, n, wraps):
    """Weight of the cell at an offset in the slope at cell q of n; one-sided next to walls."""
    inside = n > 4 if wraps else 2 <= q < n - 2
    if inside:
        return SLOPE5[o + 2]
    if wraps or 1 <= q < n - 1:
        return 0.5 * o if abs(o) == 1 else 0.0
    inner = 1 if q == 0 else -1
    if o == 0:
        return -1.0 * inner
    return 1.0 * inner if o == inner else 0.0


@njit(cache=True)
def _across(face, k, t, stride, wide, shape, periodic, fields, free, rows, m):
    """Slope of kT D_kt rho along axis t, in the mean over cells along axis k (uniform axes)."""
    f, low, _, i = face
    widths, _, D = fields
    columns, values = rows[0], rows[1]
    step = 1
    for s in range(t + 1, shape.size):
        step *= shape[s]
    n, across = shape[k], shape[t]
    q = (low // step) % across
    scale = 1.0 / (widths[k, i] * widths[t, q])
    for c in range(4):
        if not wide and (c == 0 or c == 3):
            continue
        mean = MEAN4[c] if wide else 0.5
        start = low + ((i - 1 + c) % n - i) * stride
        for o in range(-2, 3):
            weight = _slope_weight(o, q, across, periodic[t])
            if weight == 0.0:
                continue
            cell = start + ((q + o) % across - q) * step
            value = -mean * weight * scale * D[t, cell]
            if free[cell] and value != 0.0:
                columns[f, m], values[f, m] = cell, value
                m += 1
    return m
