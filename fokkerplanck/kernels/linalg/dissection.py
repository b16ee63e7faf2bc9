"""Nested dissection of a graph whose nodes are cells of a grid.

A. George, Nested dissection of a regular finite element mesh, SIAM J. Numer. Anal. 10 (1973). The
separator is read off the pattern: the cells on one side of a cut that touch the other side. So it
is as thick as a wide stencil needs, and a ring gets its second strip, with no special case.
"""

import numpy as np
from numba import njit


@njit(cache=True)
def _median_cut(part, direction, coordinates, key, histogram):
    """Fill key = direction . coordinates on the part; half of its cells have key < cut.

    Returns the cut and whether there are cells on both sides of it.
    """
    lowest, highest = 1 << 40, -(1 << 40)
    for c in part:
        s = 0
        for a in range(direction.size):
            s += direction[a] * coordinates[c, a]
        key[c] = s
        lowest, highest = min(lowest, s), max(highest, s)
    for k in range(highest - lowest + 1):
        histogram[k] = 0
    for c in part:
        histogram[key[c] - lowest] += 1
    seen, k = histogram[0], 0
    while 2 * seen < part.size and k < highest - lowest - 1:
        k += 1
        seen += histogram[k]
    return lowest + k + 1, lowest < highest


@njit(cache=True)
def _touches(c, cut, key, member, reach, is_far, indptr, neighbours):
    """Has cell c a neighbour in its own part on the other side of the cut."""
    k = key[c]
    if not is_far[c] and (k < cut - reach or k >= cut + reach):
        return False
    for e in range(indptr[c], indptr[c + 1]):
        b = neighbours[e]
        if member[b] == member[c] and (key[b] < cut) != (k < cut):
            return True
    return False


@njit(cache=True)
def _best_cut(part, coordinates, directions, key, histogram, member, reach, is_far, graph):
    """The direction and the side with the smallest separator."""
    best, chosen, low_side = part.size + 1, 0, True
    for m in range(directions.shape[0]):
        cut, cuts = _median_cut(part, directions[m], coordinates, key, histogram)
        if not cuts:
            continue
        for low in (True, False):
            count = 0
            for c in part:
                if (key[c] < cut) == low and _touches(
                    c, cut, key, member, reach[m], is_far, graph[0], graph[1]
                ):
                    count += 1
                    if count >= best:
                        break
            if count < best:
                best, chosen, low_side = count, m, low
    return chosen, low_side


@njit(cache=True)
def _partition(part, cut, low_side, key, member, reach, is_far, graph, scratch):
    """Reorder the part in place: one side, the other, the separator; sizes of the first two."""
    near, separator = 0, 0
    for c in part:
        if (key[c] < cut) == low_side:
            if _touches(c, cut, key, member, reach, is_far, graph[0], graph[1]):
                separator += 1
                scratch[part.size - separator] = c
            else:
                scratch[near] = c
                near += 1
    end = near
    for c in part:
        if (key[c] < cut) != low_side:
            scratch[end] = c
            end += 1
    for q in range(end):
        part[q] = scratch[q]
    for q in range(separator):  # back into grid order: neighbours stay neighbours
        part[end + q] = scratch[part.size - 1 - q]
    return near, end - near


@njit(cache=True)
def _push(todo, waiting, low, high, children):
    """Put a run of cells on the stack, with its number of children, or -1 if it is not cut yet."""
    todo[waiting, 0], todo[waiting, 1], todo[waiting, 2] = low, high, children
    return waiting + 1


@njit(cache=True)
def dissect(indptr, neighbours, coordinates, directions, reach, is_far, leaf):
    """Elimination order of the cells and its tree of separators, children before parents.

    (indptr, neighbours) is a symmetric pattern; coordinates (n, d) and directions (m, d), normals
    of the cuts to try, are integers. An edge changes direction . coordinates by reach (m,) at most,
    unless one of its cells is_far (n,). Returns order (n,), starts (n_nodes + 1,) and n_children
    (n_nodes,): node t eliminates order[starts[t]:starts[t + 1]], and its children are the last
    nodes without a parent before it.
    """
    n = indptr.size - 1
    graph = (indptr, neighbours)
    order, member = np.empty(n, np.int32), np.empty(n, np.int32)
    extent = np.zeros(coordinates.shape[1], np.int64)
    for c in range(n):
        order[c], member[c] = c, -1
        for a in range(extent.size):
            extent[a] = max(extent[a], coordinates[c, a])
    span = 1
    for m in range(directions.shape[0]):
        s = 1
        for a in range(extent.size):
            s += abs(directions[m, a]) * extent[a]
        span = max(span, s)
    histogram = np.empty(span, np.int32)
    scratch, key = np.empty(n, np.int32), np.empty(n, np.int32)
    starts, n_children = np.empty(2 * n + 1, np.int32), np.empty(2 * n, np.int32)
    todo = np.empty((2 * n + 3, 3), np.int64)
    todo[0, 0], todo[0, 1], todo[0, 2] = 0, n, -1
    nodes, parts, waiting = 0, 0, np.int64(1)
    while waiting > 0:
        waiting -= 1
        low, high, children = todo[waiting, 0], todo[waiting, 1], todo[waiting, 2]
        if children >= 0 or high - low <= leaf:
            starts[nodes], n_children[nodes] = low, max(children, 0)
            nodes += 1
            continue
        part = order[low:high]
        for c in part:
            member[c] = parts
        parts += 1
        m, low_side = _best_cut(
            part, coordinates, directions, key, histogram, member, reach, is_far, graph
        )
        cut, _ = _median_cut(part, directions[m], coordinates, key, histogram)
        near, far = _partition(part, cut, low_side, key, member, reach[m], is_far, graph, scratch)
        middle, end = low + near, low + near + far
        waiting = _push(todo, waiting, end, high, min(near, 1) + min(far, 1))
        if far > 0:
            waiting = _push(todo, waiting, middle, end, -1)
        if near > 0:
            waiting = _push(todo, waiting, low, middle, -1)
    starts[nodes] = n
    return order, starts[: nodes + 1].copy(), n_children[:nodes].copy()


@njit(cache=True)
def boundaries(order, starts, n_children, indptr, neighbours):
    """Symbolic factorisation: the later cells that every node of the tree still touches.

    Returns position (n,), the inverse of order; bound_ptr (n_nodes + 1,) and bound: node t ends
    with the positions bound[bound_ptr[t]:bound_ptr[t + 1]], all >= starts[t + 1], in no order.
    """
    n, n_nodes = order.size, n_children.size
    position, stamp = np.empty(n, np.int32), np.empty(n, np.int32)
    for q in range(n):
        position[order[q]], stamp[q] = q, -1
    bound_ptr, bound = np.zeros(n_nodes + 1, np.int64), np.empty(4 * n + 64, np.int32)
    stack, top, used = np.empty(n_nodes + 1, np.int32), 0, 0
    for t in range(n_nodes):
        end = starts[t + 1]
        need = 0
        for q in range(starts[t], end):
            need += indptr[order[q] + 1] - indptr[order[q]]
        for c in range(n_children[t]):
            need += bound_ptr[stack[top - 1 - c] + 1] - bound_ptr[stack[top - 1 - c]]
        if used + need > bound.size:
            longer = np.empty(2 * bound.size + need, np.int32)
            for k in range(used):
                longer[k] = bound[k]
            bound = longer
        for q in range(starts[t], end):
            for e in range(indptr[order[q]], indptr[order[q] + 1]):
                x = position[neighbours[e]]
                if x >= end and stamp[x] != t:
                    stamp[x], bound[used] = t, x
                    used += 1
        for _ in range(n_children[t]):
            top -= 1
            for e in range(bound_ptr[stack[top]], bound_ptr[stack[top] + 1]):
                x = bound[e]
                if x >= end and stamp[x] != t:
                    stamp[x], bound[used] = t, x
                    used += 1
        bound_ptr[t + 1] = used
        stack[top] = t
        top += 1
    return position, bound_ptr, bound[:used].copy()
