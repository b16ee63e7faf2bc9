"""Who solves the benchmark problems: this library, code written by hand with scipy, and its peers.

Each contender is ``prepare(case, n) -> inputs`` (not timed as part of the solve, its memory is not
counted) and ``solve(inputs) -> (density, notes)``. Assembly of whatever a contender needs belongs
to its solve. ``way`` says how it was used; a library that is not installed raises ImportError.
"""

import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import constants, sparse
from scipy.sparse.linalg import splu

import fokkerplanck as fp
from tests.benchmarks import cases


class NotConvergedError(Exception):
    """A contender stopped before it had an answer."""


class NotAvailableError(Exception):
    """This version has no such solver, or this problem cannot be given to that library."""


@dataclass(frozen=True)
class Contender:
    """Name of the way it is used, and its two functions."""

    way: str
    prepare: Callable
    solve: Callable
    edges: Callable | None = None  # number of edges of the inputs, where there are any
    compiles_anew: bool = False  # nothing is gained by a first call, and much time lost


# --- this library -------------------------------------------------------------------------------


def our_problem(case, n):
    """Problem on n cells a side."""
    grid = fp.Grid(list(case.box), n)
    words = {"f": case.f} if case.f is not None else {"drift": case.drift}
    return fp.Problem(grid, D=1.0 if case.D is None else case.D, kT=case.kT, **words)


def drifting_problem(case, n):
    """Problem given through its drift, so that a known potential is no short cut."""
    grid = fp.Grid(list(case.box), n)
    return fp.Problem(grid, D=1.0 if case.D is None else case.D, kT=case.kT, drift=case.drift)


def ours(scheme, solver):
    """Steady state by one scheme and one solver."""

    def solve(problem):
        try:
            state = fp.steady_state(problem, scheme=scheme, solver=solver)
        except ValueError as error:
            if "solver is" in str(error):
                raise NotAvailableError(f"no solver {solver!r} in this version") from None
            raise
        except fp.ConvergenceError as error:
            raise NotConvergedError(str(error)) from None
        notes = {
            "iterations": state.stats.iterations,
            "scheme": state.stats.scheme,
            "solver": state.stats.solver,
            "residual": state.residual,
        }
        return state.rho, notes

    return solve


# --- written by hand with scipy -----------------------------------------------------------------


def bernoulli(z):
    """z / (e^z - 1)."""
    small = np.abs(z) < 1e-8
    safe = np.where(small, 1.0, z)
    return np.where(small, 1 - z / 2, safe / np.expm1(safe))


def fitted_matrix(case, n):
    """Scharfetter-Gummel generator on 2d + 1 points for scalar D = 1, drift taken at the faces."""
    d, h, size = case.dim, case.widths(n), n**case.dim
    cells = np.arange(size, dtype=np.int32).reshape((n,) * d)
    rows, columns, rates, exits = [], [], [], np.zeros(size)
    for k in range(d):
        b = np.asarray(case.drift(*cases.face_points(case, n, k))[k])
        z = np.broadcast_to(b * h[k] / case.kT, [n - (i == k) for i in range(d)])
        lower, upper = (np.take(cells, range(a, n - 1 + a), axis=k).ravel() for a in (0, 1))
        up, down = (case.kT / h[k] ** 2 * bernoulli(s * z).ravel() for s in (-1, 1))
        rows += [upper, lower]
        columns += [lower, upper]
        rates += [up, down]
        exits[lower] += up
        exits[upper] += down
    everything = np.arange(size, dtype=np.int32)
    rows, columns = np.concatenate([*rows, everything]), np.concatenate([*columns, everything])
    entries = np.concatenate([*rates, -exits])
    return sparse.coo_array((entries, (rows, columns)), shape=(size, size)).tocsc()


def line_matrices(n, h):
    """On one axis: face slope, face mean, divergence of face fluxes, slope at cells."""
    slope = sparse.diags_array([-np.ones(n - 1), np.ones(n - 1)], offsets=[0, 1], shape=(n - 1, n))
    mean = sparse.diags_array(
        [np.full(n - 1, 0.5), np.full(n - 1, 0.5)], offsets=[0, 1], shape=(n - 1, n)
    )
    central = sparse.lil_array((n, n))
    for i in range(n):  # one-sided, second order, next to the walls
        stencil = {0: ((0, -1.5), (1, 2.0), (2, -0.5)), n - 1: ((0, 1.5), (-1, -2.0), (-2, 0.5))}
        for step, c in stencil.get(i, ((-1, -0.5), (1, 0.5))):
            central[i, i + step] = c
    return slope.tocsr() / h, mean.tocsr(), (-slope.T).tocsr() / h, central.tocsr() / h


def nine_point_matrix(case, n):
    """Central finite volumes for J = v rho - kT D grad rho, v = b - kT div D, on nine points."""
    h, eye = case.widths(n), sparse.eye_array(n, format="csr")
    lines = [line_matrices(n, h[k]) for k in range(2)]

    def on_axis(k, first, second):
        """First matrix along axis k, second along the other."""
        return sparse.kron(first, second) if k == 0 else sparse.kron(second, first)

    matrix = 0
    for k in range(2):
        x = np.broadcast_arrays(*cases.face_points(case, n, k))
        D = case.D(*x)
        v = (np.asarray(case.drift(*x)) - case.kT * np.asarray(case.div_D(*x)))[k].ravel()
        slope, mean, _, _ = lines[k]
        other = lines[1 - k][3]
        normal = sparse.diags_array(case.kT * D[k, k].ravel()) @ on_axis(k, slope, eye)
        cross = sparse.diags_array(case.kT * D[k, 1 - k].ravel()) @ on_axis(k, mean, other)
        flux = sparse.diags_array(v) @ on_axis(k, mean, eye) - normal - cross
        matrix = matrix + on_axis(k, lines[k][2], eye) @ flux
    return -matrix.tocsc()


def pinned_lu(matrix, cell):
    """Null vector of a generator: one density set to 1, the rest by SuperLU without pivoting."""
    keep = np.delete(np.arange(matrix.shape[0]), cell)
    inner = matrix[keep][:, keep].tocsc()
    right = -matrix[:, [cell]].toarray().ravel()[keep]
    lu = splu(
        inner, permc_spec="MMD_AT_PLUS_A", diag_pivot_thresh=0.0, options={"SymmetricMode": True}
    )
    density = np.ones(matrix.shape[0])
    density[keep] = lu.solve(right)
    return density


def by_hand(assemble):
    """Assemble a matrix, factorise, normalise."""

    def solve(inputs):
        case, n = inputs
        density = pinned_lu(assemble(case, n), case.pinned(n))
        density /= density.sum() * np.prod(case.widths(n))
        return density.reshape((n,) * case.dim), {}

    return solve


# --- fplanck ------------------------------------------------------------------------------------


def fplanck_inputs(case, n):
    """Keywords of fplanck.fokker_planck; temperature in units of Boltzmann's constant."""
    import fplanck  # noqa: F401

    if case.D is not None:
        raise NotAvailableError("fplanck takes no D(x)")
    # numpy 2 removed a name that fplanck 0.2 uses.
    vars(np).setdefault("product", np.prod)
    extent = np.array([hi - lo for lo, hi in case.box])
    words = {
        "temperature": case.kT / constants.k,
        "drag": 1.0,
        "extent": extent,
        # The number of cells is ceil(extent / resolution): stay clear of rounding.
        "resolution": extent / n * (1 + 1e-12),
    }
    # One of the two: each adds rates of its own, a zero force too.
    if case.f is not None:
        return words | {"potential": case.f}, case, n
    return words | {"force": lambda *x: np.array(case.drift(*x))}, case, n


def fplanck_solve(inputs):
    """Assemble (in the constructor) and take the eigenvector nearest to 0."""
    import fplanck

    words, case, n = inputs
    density = fplanck.fokker_planck(**words).steady_state()
    return density / np.prod(case.widths(n)), {}


# --- FiPy ---------------------------------------------------------------------------------------


def fipy_inputs(case, n):
    """Mesh and drift on its faces."""
    import os

    os.environ.setdefault("FIPY_SOLVERS", "scipy")
    import fipy

    if case.D is not None:
        raise NotAvailableError("not compared: FiPy's cross terms are explicit")
    h = case.widths(n)
    make = fipy.Grid2D if case.dim == 2 else fipy.Grid3D
    words = {}
    for name, width in zip("xyz", h, strict=False):
        words |= {f"d{name}": width, f"n{name}": n}
    mesh = make(**words) + np.array([[lo] for lo, _ in case.box])
    points = np.array(mesh.faceCenters)
    return mesh, fipy.FaceVariable(mesh=mesh, value=np.array(case.drift(*points)), rank=1), case, n


def fipy_solve(inputs):
    """Steady equation with one value held by a source term, as its manual holds inner values."""
    import fipy

    mesh, b, case, n = inputs
    rho = fipy.CellVariable(mesh=mesh, value=0.0)
    held = np.zeros(n**case.dim)
    # FiPy numbers x fastest.
    index = np.unravel_index(case.pinned(n), (n,) * case.dim)
    held[np.ravel_multi_index(index[::-1], (n,) * case.dim)] = (
        1e8 * case.kT / case.widths(n)[0] ** 2
    )
    source = fipy.CellVariable(mesh=mesh, value=held)
    equation = (
        fipy.DiffusionTerm(coeff=case.kT) - fipy.ExponentialConvectionTerm(coeff=b)
        - fipy.ImplicitSourceTerm(coeff=source) + source
    ) == 0  # fmt: skip
    equation.solve(var=rho, solver=fipy.LinearLUSolver(iterations=10, tolerance=1e-12))
    density = np.array(rho.value).reshape((n,) * case.dim).T
    return density / (density.sum() * np.prod(case.widths(n))), {}


# --- py-pde -------------------------------------------------------------------------------------


def pypde_inputs(case, n):
    """Equation, uniform start and drift field."""
    import pde

    if case.D is not None:
        raise NotAvailableError("not compared: needs the tensor equation written out by hand")
    grid = pde.CartesianGrid([list(side) for side in case.box], [n] * case.dim)
    b = np.array(case.drift(*case.coordinates(n)))
    # The default, no slope of b rho, lets mass in through the walls and grows without bound.
    closed = {"rho:laplace": {"derivative": 0}, "rho:divergence": {"normal_value": 0}}
    equation = pde.PDE(
        {"rho": f"{case.kT!r} * laplace(rho) - divergence(b * rho)"},
        consts={"b": pde.VectorField(grid, b)}, bc_ops=closed,
    )  # fmt: skip
    start = pde.ScalarField(grid, 1 / float(np.prod([hi - lo for lo, hi in case.box])))
    # Explicit Euler steps with central differences are stable below both of these.
    diffusive = 1 / (2 * case.kT * np.sum(1 / case.widths(n) ** 2))
    convective = 2 * case.kT / np.max(np.sum(b**2, axis=0))
    return equation, start, 0.8 * min(diffusive, convective), case, n


def pypde_solve(inputs, limit):
    """March until the steady-state tracker is content or the time is up, compilation left out."""
    import pde

    equation, start, dt, case, n = inputs
    began = []

    def watch(state, t):
        began.append(time.perf_counter())
        if began[-1] - began[0] > limit:
            raise StopIteration

    trackers = [
        pde.SteadyStateTracker(atol=1e-6, rtol=1e-6),
        pde.CallbackTracker(watch, interrupts=pde.RealtimeInterrupts(0.5)),
    ]
    called = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        end = equation.solve(
            start, t_range=1e6, dt=dt, solver="euler", tracker=trackers, backend="numba"
        )
    if not np.isfinite(end.data).all():
        raise NotConvergedError("the density overflowed")
    controller = equation.diagnostics["controller"]
    density = end.data / (end.data.sum() * np.prod(case.widths(n)))
    notes = {
        "time reached": float(controller["t_final"]),
        "iterations": int(equation.diagnostics["solver"]["steps"]),
        "uncounted": began[0] - called,  # it compiles anew in every call
    }
    if "stationary" not in str(controller["stop_reason"]):
        notes["status"] = f"not converged in {limit:g} s"
    return density, notes


def edges(problem):
    """Number of edges."""
    return fp.Edges.from_problem(problem).weight.size


def by_name(march=None):
    """Every contender; the keys are the names in the tables. ``march``: seconds for py-pde."""
    hand = "one thread, SuperLU: MMD_AT_PLUS_A, SymmetricMode, no pivoting, one cell pinned"
    return {
        "ours": Contender(
            '`steady_state(problem, scheme="markov", solver="multilevel")`',
            drifting_problem, ours("markov", "multilevel"), edges,
        ),
        "ours, direct": Contender(
            '`steady_state(problem, scheme="markov", solver="direct")`',
            drifting_problem, ours("markov", "direct"),
        ),
        "ours, default": Contender("`steady_state(problem)`", our_problem, ours("auto", None)),
        "ours, log": Contender(
            '`steady_state(problem, scheme="log")`', our_problem, ours("log", None)
        ),
        "scipy by hand": Contender(
            f"vectorised Scharfetter-Gummel matrix, {hand}",
            lambda case, n: (case, n), by_hand(fitted_matrix),
        ),
        "nine points by hand": Contender(
            f"vectorised linear nine-point matrix, {hand}",
            lambda case, n: (case, n), by_hand(nine_point_matrix),
        ),
        "fplanck": Contender(
            "`fokker_planck(...).steady_state()`, force or potential, never both; assembly is its "
            "constructor", fplanck_inputs, fplanck_solve,
        ),
        "FiPy": Contender(
            "`DiffusionTerm - ExponentialConvectionTerm`, steady, one value held by a source term, "
            "`LinearLUSolver`", fipy_inputs, fipy_solve,
        ),
        "py-pde": Contender(
            "`PDE` with `laplace` and `divergence`, walls closed by hand, Euler steps (numba) at "
            "0.8 of the stability limit until `SteadyStateTracker(atol=1e-6, rtol=1e-6)`; "
            "compilation, anew in every call, not counted",
            pypde_inputs, lambda inputs: pypde_solve(inputs, march or 60.0),
            compiles_anew=True,
        ),
    }  # fmt: skip
