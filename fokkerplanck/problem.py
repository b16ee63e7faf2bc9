"""The Fokker-Planck problem: grid, loss or drift, diffusion matrix and temperature."""

from __future__ import annotations

from functools import cached_property

import numpy as np

from fokkerplanck import fields
from fokkerplanck.calculus import SHARE, diffusion_from_noise, stratonovich_correction
from fokkerplanck.grid import Grid
from fokkerplanck.minibatch import Minibatch, temperature


class Problem:
    r"""Fokker-Planck equation :math:`\rho_t = \nabla\cdot(g\rho + \beta^{-1}\nabla\cdot(D\rho))` on a grid.

    The stochastic equation behind it is :math:`dx = -g\,dt + \sqrt{2\beta^{-1}}D^{1/2}dW` (Ito), with
    :math:`g=\nabla f` for a loss f, or any vector field :math:`g=-b` for a drift b.

    Parameters
    ----------
    grid : Grid
    f : callable ``f(x, y)`` or array (\*shape), optional
        Loss (potential). Give ``f`` or ``drift``, never both; neither means no drift.
    D : number, (d,), (d, d), arrays of these over the grid, or callable ``D(x, y)``, default 1
        Symmetric positive semi-definite diffusion matrix.
    beta : float, default 1
        Inverse temperature; or give ``kT`` = 1/beta.
    grad_f : callable or array (d, \*shape), optional
        Gradient of f; by fourth-order differences of f where left out.
    drift : callable or array (d, \*shape), optional
        Vector field b.
    sigma : number, (d,), (d, m) or callable, optional
        Noise matrix of :math:`dx = b\,dt + \sigma\,dW`, in place of D: :math:`D=\beta\sigma\sigma^T/2`.
    calculus : {"ito", "stratonovich", "klimontovich"}
        Calculus in which the given drift (or :math:`-\nabla f`) is meant; converted to Ito here.

    Attributes
    ----------
    g, drift, v, div_D : arrays (d, \*shape)
        g of the equation above, the Ito drift -g, the drift of the divergence form
        :math:`J = v\rho - \beta^{-1}D\nabla\rho`, and :math:`(\nabla\cdot D)_i=\partial_k D_{ik}`.
    D : array (d, d, \*shape)
    D_kind : {"isotropic", "diagonal", "tensor"}
        Found from the values.

    Raises
    ------
    ValueError
        For every input that does not define the equation; the message names the cell.

    References
    ----------
    P. Chaudhari and S. Soatto, arXiv:1710.11029, equations (3) and (4).

    Examples
    --------
    >>> import fokkerplanck as fp
    >>> grid = fp.Grid([(-3, 3), (-3, 3)], 32)
    >>> fp.Problem(grid, f=lambda x, y: x**2 + y**2 / 2, D=(1, 0.2), kT=0.1)
    Problem(f, diagonal constant D, beta=10, on Grid([(-3, 3), (-3, 3)], shape=(32, 32), sides='reflecting'))
    """

    def __init__(
        self, grid, f=None, D=None, beta=None, *,
        grad_f=None, drift=None, sigma=None, kT=None, calculus="ito",
    ):  # fmt: skip
        if not isinstance(grid, Grid):
            raise ValueError(f"grid is {type(grid).__name__}; give a fokkerplanck.Grid")
        if f is not None and drift is not None:
            raise ValueError("f and drift are both given; give a loss f (drift -grad f) or a drift")
        if grad_f is not None and f is None:
            raise ValueError("grad_f is given without f; give f too, or drift = -grad_f")
        if D is not None and sigma is not None:
            raise ValueError("D and sigma are both given; give one (D = beta sigma sigma^T / 2)")
        if calculus not in SHARE:
            raise ValueError(f"calculus is {calculus!r}; choose from {', '.join(SHARE)}")
        self.grid = grid
        self.beta = _check_beta(beta, kT)
        self.calculus = calculus
        self._sigma = sigma
        self._D = diffusion_from_noise(sigma, grid, self.beta) if sigma is not None else D
        self._D = 1.0 if self._D is None else self._D
        self.D = _frozen(fields.check_diffusion(fields.matrix_field(self._D, grid, "D"), grid))
        self._f, self._grad_f, self._drift = f, grad_f, drift
        self.f = None if f is None else _frozen(fields.scalar_field(f, grid, "f"))
        if callable(f):
            fields.check_periodic(f, grid, "f")
        if grad_f is not None:
            self._grad = fields.vector_field(grad_f, grid, "grad_f")
        elif f is None:
            zero = np.zeros(grid.dim) if drift is None else drift
            self._grad = -fields.vector_field(zero, grid, "drift")
        # v = -D grad(potential) + circulation with a potential known exactly, set by from_potential.
        self.potential: np.ndarray | None = None
        self.circulation: np.ndarray | None = None

    @classmethod
    def from_potential(cls, grid, Phi, D=1.0, beta=1.0, Q=None, j=None):
        r"""Inverse design: the drift whose steady state is :math:`e^{-\beta\Phi}/Z`.

        The drift is :math:`-g` with :math:`g = D\nabla\Phi - \beta^{-1}\nabla\cdot D - j`, where
        :math:`j = -Q\nabla\Phi + \beta^{-1}\nabla\cdot Q` (row divergence) if Q is given.

        Parameters
        ----------
        grid : Grid
        Phi : callable or array (\*shape)
        D, beta
            As in ``Problem``.
        Q : callable, matrix or array (d, d, \*shape), optional
            Antisymmetric. In two dimensions also the number or field q of Q = [[0, q], [-q, 0]].
        j : callable or array (d, \*shape), optional
            Leftover field; :math:`\nabla\cdot(j e^{-\beta\Phi})=0` is checked for callables.

        Returns
        -------
        Problem

        Raises
        ------
        ValueError
            If both Q and j are given, Q is not antisymmetric, or j does not leave the density.

        References
        ----------
        Chaudhari and Soatto, arXiv:1710.11029, equation (19).

        Examples
        --------
        >>> import fokkerplanck as fp
        >>> grid = fp.Grid([(-3, 3), (-3, 3)], 32)
        >>> problem = fp.Problem.from_potential(grid, lambda x, y: (x**2 + y**2) / 2, Q=0.5)
        >>> problem.g[:, 20, 16].round(4).tolist()
        [0.8906, -0.3281]
        """
        if Q is not None and j is not None:
            raise ValueError("Q and j are both given; give one (j = -Q grad Phi + div Q / beta)")
        potential = fields.scalar_field(Phi, grid, "Phi")
        problem = cls(grid, D=D, beta=beta)
        if callable(Phi):
            fields.check_periodic(Phi, grid, "Phi")
        grad = fields.gradient(Phi, grid, "Phi")
        if Q is not None:
            Q = _antisymmetric(Q, grid)
            sample = fields.matrix_field(Q, grid, "Q")
            leftover = -np.einsum("ik...,k...->i...", sample, grad)
            leftover = leftover + fields.row_divergence(Q, grid, "Q") / problem.beta
        elif j is not None:
            leftover = fields.vector_field(j, grid, "j")
            _check_divergence(j, Phi, potential, grid, problem.beta)
        else:
            leftover = None
        problem.potential = _frozen(potential)
        problem.circulation = None if leftover is None else _frozen(leftover)
        v = -np.einsum("ik...,k...->i...", problem.D, grad)
        v = v if leftover is None else v + leftover
        problem._grad = -(v + problem.kT * problem.div_D)
        return problem

    @classmethod
    def from_samples(cls, grid, losses, data, eta, b, replacement=True, grad_losses=None):
        r"""Minibatch SGD: f the mean loss, D the covariance of the per-sample gradients.

        With step :math:`\eta` and batches of b out of N samples, time is :math:`t=k\eta` and
        :math:`\beta^{-1}=\eta/2b`, times :math:`(1-b/N)\,N/(N-1)` without replacement (fresh batches).

        Parameters
        ----------
        grid : Grid
            Over the d parameters.
        losses : callable
            ``losses(theta, data)`` -> array (N, \*shape) for theta of shape (d, \*shape).
        data : object
            Passed through to ``losses``; may be None.
        eta, b : float, int
            Learning rate and batch size.
        replacement : bool
        grad_losses : callable, optional
            ``grad_losses(theta, data)`` -> (N, d, \*shape); by differences where left out.

        Returns
        -------
        Problem
            With attributes ``eta``, ``batch_size``, ``n_samples``.

        References
        ----------
        Chaudhari and Soatto, arXiv:1710.11029, Lemma 2 and Remarks 11-12.

        Examples
        --------
        >>> import fokkerplanck as fp
        >>> import numpy as np
        >>> a, y = np.array([1.0, 2.0]), np.array([1.0, 0.0])
        >>> def losses(theta, data):
        ...     return (np.multiply.outer(a, theta[0]) - y[:, None]) ** 2 / 2
        >>> problem = fp.Problem.from_samples(fp.Grid([(-3, 3)], 64), losses, None, eta=0.1, b=1)
        >>> problem.kT
        0.05
        """
        if not isinstance(grid, Grid):
            raise ValueError(f"grid is {type(grid).__name__}; give a fokkerplanck.Grid")
        if not callable(losses):
            raise ValueError(f"losses is {type(losses).__name__}; give a callable losses(theta, data)")
        steps = np.array([fields.STEP * w.min() for w in grid.widths])
        model = Minibatch(losses, data, grad_losses, steps)
        n = model.count(grid)
        kT = temperature(eta, b, n, replacement)
        problem = cls(grid, f=model.loss, grad_f=model.gradient, D=model.covariance, kT=kT)
        problem.eta, problem.batch_size, problem.n_samples = float(eta), int(b), n
        return problem

    @property
    def kT(self) -> float:
        """Temperature T = 1/beta."""
        return 1 / self.beta

    @cached_property
    def D_constant(self) -> bool:
        """True if D is the same in every cell."""
        corner = self.D.reshape(*self.D.shape[:2], -1)[:, :, :1] if not self._D_is_view else None
        return self._D_is_view or bool(np.all(self.D.reshape(*self.D.shape[:2], -1) == corner))

    @property
    def _D_is_view(self) -> bool:
        """True if D is a broadcast view of one matrix."""
        return all(s == 0 for s in self.D.strides[2:])

    @cached_property
    def D_kind(self) -> str:
        """``"isotropic"``, ``"diagonal"`` or ``"tensor"``, found from the values."""
        d = self.grid.dim
        if any(self.D[i, k].any() for i in range(d) for k in range(d) if i != k):
            return "tensor"
        same = all(np.array_equal(self.D[0, 0], self.D[k, k]) for k in range(1, d))
        return "isotropic" if same else "diagonal"

    @cached_property
    def div_D(self) -> np.ndarray:
        r"""Row divergence of D, shape (d, \*shape)."""
        if self.D_constant:
            return np.zeros((self.grid.dim, *self.grid.shape))
        D = self._D if callable(self._D) else self.D
        return _frozen(fields.row_divergence(D, self.grid, "D"))

    @cached_property
    def g(self) -> np.ndarray:
        r"""Field g of the Ito equation dx = -g dt + noise, shape (d, \*shape)."""
        g = self._grad if hasattr(self, "_grad") else fields.gradient(self._f, self.grid, "f")
        if self.calculus == "klimontovich":
            g = g - self.kT * self.div_D
        elif self.calculus == "stratonovich":
            g = g - stratonovich_correction(self._D, self._sigma, self.grid, self.kT)
        return _frozen(fields.check_finite(np.array(g), self.grid, "grad f" if self._f else "drift"))

    @property
    def drift(self) -> np.ndarray:
        r"""Ito drift b = -g, shape (d, \*shape)."""
        return -self.g

    @cached_property
    def v(self) -> np.ndarray:
        r"""Drift of the divergence form :math:`J = v\rho - kT D\nabla\rho`: :math:`v=-(g+kT\,\nabla\cdot D)`."""
        return _frozen(-(self.g + self.kT * self.div_D))

    @property
    def noise_share(self):
        r"""Pair (a, b): the drift of the divergence form is :math:`v_i = b_i - a\,kT\,\partial_iD_{ii}`, D diagonal.

        b is None where it is -grad f. Stratonovich drifts in more than one dimension depend on the
        noise matrix, not on D alone, and go through the Ito drift.
        """
        if self.calculus == "stratonovich" and self.grid.dim > 1:
            return 1.0, self.drift
        return SHARE[self.calculus], None if self.f is not None else -self._grad

    @property
    def has_callables(self) -> bool:
        """True if D and the drift (or f) can be evaluated between cell centres."""
        force = self._f if self._f is not None else 0.0 if self._drift is None else self._drift
        return all(callable(u) or np.size(u) == 1 for u in (force, self._D))

    def on_line(self, nodes, middle, step):
        """Increments of b/D over small pieces of a line (one dimension, callables)."""
        line = Grid([(0, 1)], middle.shape[1])  # only the shape is used: one value per point
        D = np.stack([fields.matrix_field(self._D, line, "D", x[None])[0, 0] for x in middle])
        if self._f is not None:
            f = np.stack([fields.scalar_field(self._f, line, "f", x[None]) for x in nodes])
            return -np.diff(f, axis=0) / D
        drift = 0.0 if self._drift is None else self._drift
        b = np.stack([fields.vector_field(drift, line, "drift", x[None])[0] for x in middle])
        return b * step / D

    def on(self, grid):
        """Return the same problem on another grid; only for callables (arrays know one grid).

        Examples
        --------
        >>> import fokkerplanck as fp
        >>> problem = fp.Problem(fp.Grid([(-3, 3)], 16), f=lambda x: x**2)
        >>> problem.on(problem.grid.refined()).grid.shape
        (32,)
        """
        given = {"f": self._f, "grad_f": self._grad_f, "drift": self._drift}
        arrays = [k for k, u in given.items() if u is not None and not callable(u) and np.ndim(u) > 1]
        if arrays or self.potential is not None:
            raise ValueError("only a problem given by callables can be moved to another grid")
        D = {"sigma": self._sigma} if self._sigma is not None else {"D": self._D}
        return Problem(grid, beta=self.beta, calculus=self.calculus, **given, **D)

    def __repr__(self):
        """What is solved, with the kind of D that was found."""
        force = "f" if self._f is not None else "drift" if self._drift is not None else "Phi"
        if self.potential is None and self._f is None and self._drift is None:
            force = "no drift"
        constant = "constant" if self.D_constant else "varying"
        return f"Problem({force}, {self.D_kind} {constant} D, beta={self.beta:g}, on {self.grid!r})"


def _frozen(a):
    """Read-only view."""
    a = np.asarray(a)
    if a.flags.owndata:
        a.flags.writeable = False
        return a
    view = a.view()
    view.flags.writeable = False
    return view


def _check_beta(beta, kT) -> float:
    """Inverse temperature from beta or kT."""
    if beta is not None and kT is not None:
        raise ValueError("beta and kT are both given; give one (kT = 1/beta)")
    name, value = ("kT", kT) if kT is not None else ("beta", 1.0 if beta is None else beta)
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise ValueError(f"{name} is {value!r}; give a finite positive number") from None
    if not np.isfinite(number) or number <= 0:
        raise ValueError(f"{name} is {value!r}; give a finite positive number")
    return 1 / number if kT is not None else number


def _antisymmetric(Q, grid):
    """Return Q as a matrix field or callable of one, from q in two dimensions or Q itself."""
    d = grid.dim
    sample = Q(*grid.x) if callable(Q) else Q
    is_scalar = d == 2 and np.shape(sample) in ((), grid.shape)
    if is_scalar and callable(Q):
        return lambda x, y: [[0.0, Q(x, y)], [-np.asarray(Q(x, y)), 0.0]]
    if is_scalar:
        return [[0.0, Q], [-np.asarray(Q, dtype=float), 0.0]]
    matrix = fields.matrix_field(Q, grid, "Q")
    defect = np.abs(matrix + np.swapaxes(matrix, 0, 1)).max(axis=(0, 1))
    if (defect > 1e-10 * max(np.abs(matrix).max(), 1e-300)).any():
        cell = fields.first_cell(defect == defect.max())
        raise ValueError(f"Q is not antisymmetric at {fields.cell_text(grid, cell)}; give Q = -Q^T")
    return Q


def _check_divergence(j, Phi, potential, grid, beta):
    """Raise unless div(j exp(-beta Phi)) vanishes, for callables, by high-order differences."""
    if not (callable(j) and callable(Phi)):
        return
    lowest = potential.min()

    def weighted(k):
        return lambda *points: (
            fields.vector_field(j, grid, "j", points)[k]
            * np.exp(-beta * (fields.scalar_field(Phi, grid, "Phi", points) - lowest))
        )

    terms = [fields.derivative(weighted(k), grid, k, "j") for k in range(grid.dim)]
    defect = grid.integrate(np.abs(sum(terms)))
    size = grid.integrate(sum(np.abs(term) for term in terms))
    if defect > 1e-3 * size:
        raise ValueError(
            f"div(j exp(-beta Phi)) is not zero (relative size {defect / size:.2g}), so exp(-beta Phi) is "
            "not a steady state; give a divergence-free j exp(-beta Phi), or Q instead of j"
        )
