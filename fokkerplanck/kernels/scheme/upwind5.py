"""Rows of a linear flux of high order: mass currents through the faces across one axis."""

import math

from numba import njit

#: Offsets of the cells that a face may read along its axis: from FIRST below its lower cell on.
FIRST, WIDTH = -2, 6
#: Rows of the table of weights: values by five and by three cells with the wind from below and from
#: above, the mean of two, and slopes by four cells and by two.
UP5, UP3, DOWN5, DOWN3, MEAN, SLOPE4, SLOPE2 = range(7)
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
def axis_faces(
    k,
    shape,
    periodic,
    tables,
    face_drift,
    widths,
    drift,
    D,
    free,
    closed,
    lower,
    columns,
    values,
    counts,
):
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
    widths : array (d, largest n)
    drift : array (n,)
        Along the axis, at cells.
    D : array (d, n)
        Row k of kT D at cells.
    free : bool array (n,)
        False for cells of sets in which mass ends.
    closed : bool array (n,)
        Cells at walls onto which the drift presses mass: no wide stencil reads them.
    lower : int array (m,)
        Lower cell of every face.
    columns, values : arrays (m, cells a face reads at most), filled
    counts : int array (m,), filled
    """
    d = shape.size
    n = shape[k]
    stride = 1
    for t in range(k + 1, d):
        stride *= shape[t]
    graded = face_drift.size > 0
    for f in range(lower.size):
        low = lower[f]
        i = (low // stride) % n
        counts[f] = 0
        reach = _reach(low, i, n, stride, periodic[k], free, closed)
        both = (1 << 2) | (1 << 3)
        if reach & both != both:
            continue  # a face of a set: mass ends there, which is no matter of this matrix
        up = low + (((i + 1) % n) - i) * stride
        pressed = closed[low] or closed[up]
        forward = drift[low] + drift[up] > 0.0
        m = _along(
            f,
            low,
            up,
            i,
            n,
            k,
            stride,
            reach,
            pressed,
            forward,
            graded,
            tables,
            face_drift,
            widths,
            drift,
            D,
            columns,
            values,
        )
        wide = reach & 0b11110 == 0b11110
        for t in range(d):
            if t != k:
                m = _across(
                    f,
                    low,
                    i,
                    n,
                    k,
                    t,
                    stride,
                    wide,
                    shape,
                    periodic,
                    widths,
                    D,
                    free,
                    columns,
                    values,
                    m,
                )
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
def _along(
    f,
    low,
    up,
    i,
    n,
    k,
    stride,
    reach,
    pressed,
    forward,
    graded,
    tables,
    face_drift,
    widths,
    drift,
    D,
    columns,
    values,
):
    """Drift and diffusion along the axis; how many cells were read."""
    if pressed and D[k, low] > 0.0 and D[k, up] > 0.0:
        distance = 0.5 * (widths[k, i] + widths[k, (i + 1) % n])
        z = 0.5 * distance * (drift[low] / D[k, low] + drift[up] / D[k, up])
        z = min(max(z, -STEEPEST), STEEPEST)
        columns[f, 0], columns[f, 1] = low, up
        values[f, 0] = bernoulli(-z) * D[k, low] / (distance * widths[k, i])
        values[f, 1] = -bernoulli(z) * D[k, up] / (distance * widths[k, (i + 1) % n])
        return 2
    row = MEAN
    if pressed:
        row = -1
    elif forward:
        if reach & 0b011111 == 0b011111:
            row = UP5
        elif reach & 0b001110 == 0b001110:
            row = UP3
    elif reach & 0b111110 == 0b111110:
        row = DOWN5
    elif reach & 0b011100 == 0b011100:
        row = DOWN3
    slope = SLOPE4 if reach & 0b11110 == 0b11110 else SLOPE2
    m = 0
    for o in range(WIDTH):
        if not reach & (1 << o):
            continue
        place = (i + FIRST + o) % n
        cell = low + (place - i) * stride
        if row >= 0:
            weight = tables[row, i, o]
        else:  # the cell that the drift comes from
            weight = 1.0 if (o == 2) == forward and 2 <= o <= 3 else 0.0
        b = face_drift[f] if graded and row >= 0 else drift[cell]
        value = (weight * b - tables[slope, i, o] * D[k, cell]) / widths[k, place]
        if value != 0.0:
            columns[f, m], values[f, m] = cell, value
            m += 1
    return m


@njit(cache=True)
def _across(f, low, i, n, k, t, stride, wide, shape, periodic, widths, D, free, columns, values, m):
    """Slope of kT D_kt rho along axis t, in the mean over cells along axis k (uniform axes)."""
    step = 1
    for s in range(t + 1, shape.size):
        step *= shape[s]
    across = shape[t]
    q = (low // step) % across
    scale = 1.0 / (widths[k, i] * widths[t, q])
    for c in range(4):
        if not wide and (c == 0 or c == 3):
            continue
        mean = MEAN4[c] if wide else 0.5
        place = (i - 1 + c) % n
        start = low + (place - i) * stride
        for o in range(-2, 3):
            if periodic[t]:
                weight = SLOPE5[o + 2] if across > 4 else 0.5 * o * (abs(o) == 1)
            elif 2 <= q < across - 2:
                weight = SLOPE5[o + 2]
            elif 1 <= q < across - 1:
                weight = 0.5 * o if abs(o) == 1 else 0.0
            elif q == 0:
                weight = 1.0 if o == 1 else (-1.0 if o == 0 else 0.0)
            else:
                weight = 1.0 if o == 0 else (-1.0 if o == -1 else 0.0)
            if weight == 0.0:
                continue
            cell = start + ((q + o) % across - q) * step
            value = -mean * weight * scale * D[t, cell]
            if free[cell] and value != 0.0:
                columns[f, m], values[f, m] = cell, value
                m += 1
    return m
