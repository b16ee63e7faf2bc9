"""Observed orders of convergence, and the one assertion about them."""

import numpy as np

SLACK = 0.15


def observed_orders(h, err):
    """Slopes log(err_k / err_{k+1}) / log(h_k / h_{k+1}) between neighbouring grids.

    >>> observed_orders([0.2, 0.1, 0.05], [4e-2, 1e-2, 2.5e-3]).tolist()
    [2.0, 2.0]
    """
    h, err = np.asarray(h, dtype=float), np.asarray(err, dtype=float)
    return np.log(err[:-1] / err[1:]) / np.log(h[:-1] / h[1:])


def assert_rate(h, err, order, cap):
    """Assert that err falls like h^order: last two slopes >= order - 0.15 and err[-1] <= cap.

    A slope alone accepts any constant, a cap alone any order; both are needed. At least three
    grids, coarsest first. An error of exactly zero has no slope and passes under any cap.

    >>> assert_rate([0.2, 0.1, 0.05], [4e-2, 1e-2, 2.5e-3], order=2, cap=3e-3)
    """
    h, err = np.asarray(h, dtype=float), np.asarray(err, dtype=float)
    if h.ndim != 1 or h.shape != err.shape or h.size < 3:
        raise ValueError(
            f"h has shape {h.shape} and err {err.shape}; give at least three grids, one error each"
        )
    if not np.all(h[1:] < h[:-1]):
        raise ValueError(f"h = {h.tolist()}; give decreasing grid spacings, the coarsest first")
    complaints = []
    if not (np.isfinite(err).all() and (err >= 0).all()):
        complaints.append("an error is negative or not finite")
    else:
        if err[-1] > cap:
            complaints.append(f"the final error {err[-1]:.3g} exceeds its cap {cap:.3g}")
        if err[-1] > 0 and (err > 0).all():
            slopes = observed_orders(h, err)[-2:]
            if slopes.min() < order - SLACK:
                complaints.append(
                    f"the last two slopes {slopes[0]:.2f}, {slopes[1]:.2f} are not both at least "
                    f"{order - SLACK:.2f}"
                )
        elif err[-1] > 0:
            complaints.append("an error of zero is followed by a larger one")
    if complaints:
        raise AssertionError(f"expected order {order}: {'; '.join(complaints)}\n{_table(h, err)}")


def _table(h, err):
    """Lay out h, err and the slope from the row above."""
    positive = np.isfinite(err).all() and (err > 0).all()
    slopes = ["", *(f"{s:.2f}" for s in observed_orders(h, err))] if positive else [""] * h.size
    rows = [f"{hk:12.4g} {ek:12.4g} {sk:>7}" for hk, ek, sk in zip(h, err, slopes, strict=True)]
    return "\n".join([f"{'h':>12} {'error':>12} {'slope':>7}", *rows])
