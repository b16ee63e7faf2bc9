"""A reference problem together with everything that is known about it in closed form."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from fokkerplanck.domain.grid import Grid
from fokkerplanck.domain.read_only import ReadOnly
from fokkerplanck.domain.types import Array, Flags, Function
from fokkerplanck.equation.problem import Problem

_NODES = {1: 400, 2: 240, 3: 80}  # quadrature nodes per axis
_SAMPLES = {1: 2001, 2: 401, 3: 65}  # points per axis where Phi is sampled for `interior`


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class Exact:
    r"""Fokker-Planck problem with known answers: J = −g ρ − kT div(D ρ), j = J_ss/ρ_ss.

    Callables take one array per axis, ``Phi(x, y)``, and broadcast. Scalars come back with
    shape ``(*shape)``, vectors ``(d, *shape)``, tensors ``(d, d, *shape)``. What is not known
    in closed form is ``None``.

    Parameters
    ----------
    code, name, title, source : str
        Number in the catalogue, name of the constructor, one line, where it comes from.
    kT : float
        Temperature 1/beta.
    box : sequence of (float, float)
        Default box, one (lo, hi) per axis.
    g : callable
        The vector field g = −(Itô drift), equal to grad f where a scalar f exists.
    sides : str
        Sides of the default box, as ``Grid`` takes them.
    D : float, array or callable
        Diffusion tensor, in the form in which `build` hands it to ``Problem``.
    f : callable or None
        Loss with g = grad f, when there is one.
    Phi : callable or None
        Φ = −kT log ρ_ss up to a constant (the formula as printed in the source).
    j, div_j : callable or None
        Circulation j = J_ss/ρ_ss and its divergence.
    q : callable or None
        2D: Q = [[0, q], [−q, 0]] with j = −Q grad Φ + kT div Q (row divergence).
    a : callable or None
        3D: Q_ik = ε_ikm a_m, that is j = a × grad Φ + kT curl a.
    rho_t : callable or None
        ``rho_t(t, x, y)``: a transient density, started from ``rho_t(0.0, x, y)``.
    solves : bool
        True if ``rho_t`` solves the equation of this problem; else `notes` say what it is.
    energy : Energy or None
        Energy whose Wasserstein gradient flow ``rho_t`` is, where it is of another equation.
    mean_t, cov_t, kl : callable or None
        Mean ``(..., d)``, covariance ``(..., d, d)`` and KL(ρ_t‖ρ_ss) ``(...)`` at times ``t``
        (any shape), for the same start.
    eigenvalues : array or None
        Slowest non-zero eigenvalues of the generator, 1/time, by decreasing real part.
    moments : mapping
        Stationary averages in closed form or by quadrature to rounding.
    points : mapping
        Special points, each an array ``(n, d)``: minima, saddles, zeros of g.
    reference : mapping
        Numbers obtained numerically, good to the digits written and no more.
    data : mapping
        Raw material of the model, e.g. the rows of a data set.
    closed_forms : mapping
        ``log_Z`` and ``entropy_production`` where a formula exists; else quadrature is used.
    reversible : bool
        True when j = 0 identically.
    walls_exact : bool
        True when J·n = 0 on the sides of the box (or all sides are periodic), so that Φ and j
        hold in every cell; otherwise see `interior`.
    notes : str
        What to know before comparing.

    Examples
    --------
    >>> from fokkerplanck import zoo
    >>> gyrator = zoo.gyrator()
    >>> gyrator
    Exact(R2 gyrator, 2D, kT=0.1: Brownian gyrator, a true loss with constant D)
    >>> round(gyrator.entropy_production, 10)
    0.9142857143
    """

    code: str
    name: str
    title: str
    source: str
    kT: float
    box: Sequence[tuple[float, float]]
    g: Function
    sides: Any = "reflecting"
    D: Any = 1.0
    f: Function | None = None
    Phi: Function | None = None
    j: Function | None = None
    div_j: Function | None = None
    q: Function | None = None
    a: Function | None = None
    rho_t: Function | None = None
    solves: bool = True
    energy: Any = None
    mean_t: Function | None = None
    cov_t: Function | None = None
    kl: Function | None = None
    eigenvalues: np.ndarray | None = None
    moments: Mapping[str, Any] = field(default_factory=dict)
    points: Mapping[str, Any] = field(default_factory=dict)
    reference: Mapping[str, Any] = field(default_factory=dict)
    data: Mapping[str, Any] = field(default_factory=dict)
    closed_forms: Mapping[str, float] = field(default_factory=dict)
    reversible: bool = False
    walls_exact: bool = False
    notes: str = ""

    def __post_init__(self) -> None:
        for key in ("moments", "points", "reference", "data", "closed_forms"):
            frozen = {name: _read_only(value) for name, value in getattr(self, key).items()}
            object.__setattr__(self, key, ReadOnly(frozen))
        object.__setattr__(self, "eigenvalues", _read_only(self.eigenvalues))
        box = tuple((float(lo), float(hi)) for lo, hi in self.box)
        object.__setattr__(self, "box", box)

    def __repr__(self) -> str:
        return f"Exact({self.code} {self.name}, {self.dim}D, kT={self.kT:g}: {self.title})"

    @property
    def dim(self) -> int:
        """Dimension d."""
        return len(self.box)

    @property
    def beta(self) -> float:
        """Inverse temperature β = 1/kT."""
        return 1.0 / self.kT

    def build(self, n: int | tuple[int, ...]) -> Problem:
        """Problem of this reference on its default box, with `n` cells per side.

        Parameters
        ----------
        n : int or tuple of int
            Cells per side.

        Returns
        -------
        Problem
            From ``f`` (with its exact gradient) where a loss exists, from the drift −g otherwise:
            Φ and j are never told to it.

        Examples
        --------
        >>> from fokkerplanck import zoo
        >>> zoo.example_19().build(32).grid.shape
        (32, 32)
        """
        grid = Grid(self.box, n, self.sides)
        if self.f is not None:
            return Problem(grid, f=self.f, D=self.D, kT=self.kT, grad_f=self.g)
        return Problem(grid, D=self.D, kT=self.kT, drift=self.drift)

    def boxed(self, box: Sequence[Sequence[float]]) -> "Exact":
        """Return a copy on another box; ρ is normalised anew where the walls carry density.

        Examples
        --------
        >>> from fokkerplanck import zoo
        >>> zoo.double_well().boxed([(-2, 2), (-3, 3)]).box
        ((-2.0, 2.0), (-3.0, 3.0))
        """
        closed = {k: v for k, v in self.closed_forms.items() if k != "log_Z"}
        return replace(self, box=tuple((lo, hi) for lo, hi in box), closed_forms=closed)

    def drift(self, *x: Array) -> Array:
        """Itô drift b = −g of dx = b dt + sqrt(2 kT D) dW, shape (d, *shape)."""
        return -np.asarray(self.g(*x))

    def diffusion(self, *x: ArrayLike) -> Array:
        """D(x) as a full tensor, shape (d, d, *shape)."""
        shape = np.broadcast_shapes(*(np.shape(u) for u in x))
        D = np.asarray(self.D(*x) if callable(self.D) else self.D, dtype=float)
        if D.ndim == 0:
            D = D * np.eye(self.dim)
        elif callable(self.D) and D.shape == shape:  # a scalar field
            D = D * np.eye(self.dim).reshape(self.dim, self.dim, *[1] * len(shape))
        elif D.shape == (self.dim,):
            D = np.diag(D)
        if D.shape == (self.dim, self.dim):
            D = D.reshape(self.dim, self.dim, *([1] * len(shape)))
        return np.broadcast_to(D, (self.dim, self.dim, *shape))

    def log_rho(self, *x: Array) -> Array:
        """Log-density log ρ_ss = −Φ/kT − log Z, normalised on the default box."""
        return -self._need("Phi")(*x) / self.kT - self.log_Z

    def rho(self, *x: Array) -> Array:
        """Steady density ρ_ss (integral 1 over the default box)."""
        return np.exp(self.log_rho(*x))

    def J(self, *x: Array) -> Array:
        """Steady probability current J = j ρ_ss, shape (d, *shape)."""
        return self._need("j")(*x) * self.rho(*x)

    def psi(self, *x: Array) -> Array:
        """2D stream function ψ = kT q ρ_ss with J = (∂_y ψ, −∂_x ψ)."""
        return self.kT * self._need("q")(*x) * self.rho(*x)

    @cached_property
    def log_Z(self) -> float:
        """Log of Z = ∫ e^(−Φ/kT) dx over the default box (or the whole space, if given)."""
        if "log_Z" in self.closed_forms:
            return float(self.closed_forms["log_Z"])
        x, weights = self._quadrature
        exponent = -self._need("Phi")(*x) / self.kT
        top = exponent.max()
        return float(top + np.log(np.sum(weights * np.exp(exponent - top))))

    def average(self, u: Function) -> Any:
        """Stationary average ⟨u⟩ = ∫ u(x) ρ_ss dx, by quadrature on the default box.

        Parameters
        ----------
        u : callable
            ``u(x, y)``, shape (..., *shape); leading axes pass through.

        Returns
        -------
        array, shape (...)

        Examples
        --------
        >>> from fokkerplanck import zoo
        >>> round(float(zoo.double_well().average(lambda x, y: x * x)), 12)
        1.041797296487
        """
        x, weights = self._quadrature
        return np.sum(u(*x) * weights * self.rho(*x), axis=tuple(range(-self.dim, 0)))

    @cached_property
    def entropy_production(self) -> float | None:
        """Entropy production rate β⟨j·D⁻¹j⟩, 1/time; ``None`` when j is not known."""
        if "entropy_production" in self.closed_forms:
            return float(self.closed_forms["entropy_production"])
        if self.reversible:
            return 0.0
        return None if self.j is None else float(self.average(self._dissipation))

    def interior(self, *x: Array, fraction: float = 0.5) -> Flags:
        r"""Mask of the cells where Φ and j hold although the box has walls.

        {Φ − min Φ ≤ fraction (min over the walls of Φ − min Φ)}.

        Parameters
        ----------
        *x : arrays
            Coordinates.
        fraction : float
            Part of the climb from the lowest point to the lowest wall.

        Returns
        -------
        array of bool, shape (*shape)
            All True where `walls_exact`.

        Notes
        -----
        A reflecting wall stops the current j·n ρ_ss that the free solution sends through it. The
        relative change of ρ_ss that this makes at x is about the chance that the reversed process
        reaches the wall from x, e^(−(Φ_wall − Φ(x))/kT): below e^(−(1 − fraction) climb/kT) in
        the mask, and of order one at the wall itself.

        Examples
        --------
        >>> import numpy as np
        >>> from fokkerplanck import zoo
        >>> zoo.gyrator().interior(np.array([0.0, 1.6]), np.array([0.0, 0.0]))
        array([ True, False])
        """
        shape = np.broadcast_shapes(*(np.shape(u) for u in x))
        if self.walls_exact:
            return np.ones(shape, dtype=bool)
        bottom, wall = self._levels
        return self._need("Phi")(*x) - bottom <= fraction * (wall - bottom)

    @property
    def wall_height(self) -> float:
        """Lowest climb β(Φ_wall − min Φ) from the bottom to a wall; inf when walls are exact."""
        if self.walls_exact:
            return math.inf
        bottom, wall = self._levels
        return self.beta * (wall - bottom)

    def _dissipation(self, *x: Array) -> Array:
        """β j·D⁻¹j."""
        j = self._need("j")(*x)
        inverse_times_j = np.linalg.solve(
            np.moveaxis(self.diffusion(*x), (0, 1), (-2, -1)), np.moveaxis(j, 0, -1)[..., None]
        )
        return self.beta * np.sum(np.moveaxis(inverse_times_j[..., 0], -1, 0) * j, axis=0)

    def _need(self, key: str) -> Any:
        """Return the callable `key` or say that it is not known."""
        known = getattr(self, key)
        if known is None:
            raise ValueError(
                f"{key} of {self.code} {self.name} has no closed form; use its moments or reference"
            )
        return known

    @cached_property
    def _quadrature(self) -> tuple[Sequence[Array], Array]:
        """Nodes (d arrays) and weights on the box: Gauss-Legendre, periodic axes midpoint."""
        periodic = self.sides == "periodic"
        axes, weights = [], np.ones(())
        for lo, hi in self.box:
            n = _NODES[self.dim]
            if periodic:
                node, weight = (2 * np.arange(n) + 1) / n - 1, np.full(n, 2 / n)
            else:
                node, weight = legendre(n)
            axes.append(lo + (hi - lo) * (node + 1) / 2)
            weights = np.multiply.outer(weights, weight * (hi - lo) / 2)
        return np.meshgrid(*axes, indexing="ij"), weights

    @cached_property
    def _levels(self) -> tuple[float, float]:
        """Lowest Φ in the box and on its walls, by sampling."""
        n = _SAMPLES[self.dim]
        axes = [np.linspace(lo, hi, n) for lo, hi in self.box]
        Phi = self._need("Phi")(*np.meshgrid(*axes, indexing="ij"))
        walls = [Phi.take(side, axis=axis).min() for axis in range(self.dim) for side in (0, -1)]
        return float(Phi.min()), float(min(walls))


def _read_only(value: Any) -> Any:
    """Return arrays as read-only copies, anything else as it is."""
    if isinstance(value, np.ndarray):
        value = value.copy()
        value.flags.writeable = False
    return value


@cache
def legendre(n: int) -> tuple[Array, Array]:
    """Gauss-Legendre nodes and weights on (−1, 1)."""
    node, weight = np.polynomial.legendre.leggauss(n)
    node.flags.writeable = weight.flags.writeable = False
    return node, weight


def with_moments(exact: Exact, **observables: Function) -> Exact:
    """Return `exact` with ⟨u⟩ for each named observable u(x, y) among its moments."""
    averages = {name: float(exact.average(u)) for name, u in observables.items()}
    return replace(exact, moments={**exact.moments, **averages})
