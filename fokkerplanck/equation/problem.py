"""The Fokker-Planck problem: grid, loss or drift, diffusion matrix and temperature."""

from __future__ import annotations

from functools import cached_property

import numpy as np

from fokkerplanck.domain import fields
from fokkerplanck.domain.arguments import describe, frozen
from fokkerplanck.domain.grid import check_grid
from fokkerplanck.equation.calculus import (
    SHARE,
    check_divergence,
    check_gradient,
    diffusion_from_noise,
    inverse_temperature,
    leftover_field,
    stratonovich_correction,
)
from fokkerplanck.equation.minibatch import Minibatch, temperature

# Off-diagonal entries of D below this part of sqrt(D_ii D_kk) are rounding.
CORRELATION = 1e-14


class Problem:
    r"""Equation :math:`\rho_t = \nabla\cdot(g\rho + \beta^{-1}\nabla\cdot(D\rho))` on a grid.

    The stochastic equation behind it is :math:`dx = -g\,dt + \sqrt{2\beta^{-1}}D^{1/2}dW` (Ito),
    with :math:`g=\nabla f` for a loss f, or any vector field :math:`g=-b` for a drift b. A problem
    does not change once it is made.

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
        Noise matrix of :math:`dx = b\,dt + \sigma\,dW`, in place of D:
        :math:`D=\beta\sigma\sigma^T/2`.
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
    >>> problem = fp.Problem(grid, f=lambda x, y: x**2 + y**2 / 2, D=(1, 0.2), kT=0.1)
    >>> problem.D_kind, problem.D_constant, problem.beta
    ('diagonal', True, 10.0)
    """

    f: np.ndarray | None
    eta: float
    batch_size: int
    n_samples: int
    minibatch: Minibatch
    potential: np.ndarray | None
    circulation: np.ndarray | None
    _grad: np.ndarray | None

    def __init__(
        self, grid, f=None, D=None, beta=None, *,
        grad_f=None, drift=None, sigma=None, kT=None, calculus="ito",
    ):  # fmt: skip
        check_grid(grid)
        _check_given(f, grad_f, drift, D, sigma, calculus)
        self.grid, self.calculus = grid, calculus
        self.beta = inverse_temperature(beta, kT)
        D = 1.0 if D is None else D
        if sigma is not None:
            D = diffusion_from_noise(sigma, grid, self.beta)
        self._D, self._sigma = D, sigma
        self._f, self._grad_f, self._drift = f, grad_f, drift
        self.D = frozen(fields.check_diffusion(fields.matrix_field(D, grid, "D"), grid))
        if callable(D):
            fields.check_periodic(D, self.D, grid, "D", fields.matrix_field)
        # What a person may still write to is not kept.
        elif fields.is_gridded(D, grid.shape):
            self._D = self.D
        if fields.is_gridded(sigma, grid.shape):
            self._sigma = fields.matrix_field(sigma, grid, "sigma", columns=True)
        self.f = self._grad = None
        if f is not None:
            self.f = frozen(fields.scalar_field(f, grid, "f").copy())
            fields.check_periodic(f, self.f, grid, "f")
            self._f = f if callable(f) or np.ndim(f) == 0 else self.f
        if grad_f is not None:
            self._grad = fields.vector_field(grad_f, grid, "grad_f")
            check_gradient(self._f, grad_f, grid)
        elif f is None:
            zero = np.zeros(grid.dim) if drift is None else drift
            self._grad = -fields.vector_field(zero, grid, "drift")
        # v = -D grad(potential) + circulation, both known exactly: set by from_potential.
        self.potential = self.circulation = self._inverse = None
        self._sealed = True

    def __setattr__(self, name, value):
        """Refuse: everything derived from a problem relies on it."""
        if "_sealed" in self.__dict__:
            raise AttributeError(f"a Problem does not change; make a new one to set {name}")
        super().__setattr__(name, value)

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
            Leftover field with :math:`\nabla\cdot(j e^{-\beta\Phi})=0`; arrays are checked roughly.
            At reflecting sides :math:`j\cdot n` has to vanish, or the density has to be negligible.

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
        problem = cls(grid, D=D, beta=beta)
        potential = fields.scalar_field(Phi, grid, "Phi").copy()
        fields.check_periodic(Phi, potential, grid, "Phi")
        grad = fields.gradient(Phi if callable(Phi) else potential, grid, "Phi")
        leftover = None
        if Q is not None:
            leftover = leftover_field(Q, grad, grid, problem.kT)
        elif j is not None:
            leftover = fields.vector_field(j, grid, "j")
            check_divergence(j, Phi, potential, leftover, grid, problem.beta)
        v = -np.einsum("ik...,k...->i...", problem.D, grad)
        v = v if leftover is None else v + leftover
        problem.__dict__.update(
            potential=frozen(potential),
            circulation=None if leftover is None else frozen(leftover),
            _grad=-(v + problem.kT * problem.div_D),
            _inverse={"Phi": Phi, "D": D, "beta": beta, "Q": Q, "j": j},
        )
        return problem

    @classmethod
    def from_samples(cls, grid, losses, data, eta, b, replacement=True, grad_losses=None):
        r"""Minibatch SGD: f the mean loss, D the covariance of the per-sample gradients.

        With step :math:`\eta` and batches of b out of N samples, time is :math:`t=k\eta` and
        :math:`\beta^{-1}=\eta/2b`, times :math:`(1-b/N)\,N/(N-1)` without replacement (fresh
        batches).

        Parameters
        ----------
        grid : Grid
            Over the d parameters.
        losses : callable
            ``losses(theta, data)`` -> array (N, m) for theta of shape (d, m): the m points at
            which the N losses are wanted.
        data : object
            Passed through to ``losses``; may be None.
        eta, b : float, int
            Learning rate and batch size.
        replacement : bool
        grad_losses : callable, optional
            ``grad_losses(theta, data)`` -> (N, d, m); by differences where left out.

        Returns
        -------
        Problem
            With attributes ``eta``, ``batch_size``, ``n_samples``, and ``minibatch``, the model.

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
        check_grid(grid)
        for name, function in (("losses", losses), ("grad_losses", grad_losses)):
            if not callable(function) and not (function is None and name == "grad_losses"):
                raise ValueError(
                    f"{name} is {describe(function)}; give a function of (theta, data)"
                )
        steps = np.array([fields.STEP * w.min() for w in grid.widths])
        model = Minibatch(losses, data, grad_losses, steps)
        n = model.count(grid)
        kT = temperature(eta, b, n, replacement)
        words = "the mean of grad_losses", "the mean of losses"
        fields.scalar_field(model.loss, grid, words[1])
        if grad_losses is not None:
            check_gradient(model.loss, model.gradient, grid, *words)
        problem = cls(grid, f=model.loss, grad_f=model.gradient, D=model.covariance, kT=kT)
        problem.__dict__.update(eta=float(eta), batch_size=int(b), n_samples=n, minibatch=model)
        return problem

    @property
    def kT(self) -> float:
        """Temperature T = 1/beta."""
        return 1 / self.beta

    @cached_property
    def D_constant(self) -> bool:
        """True if D is the same in every cell."""
        corner = self.D[(..., *(slice(1),) * self.grid.dim)]
        return not any(self.D.strides[2:]) or bool(
            np.array_equal(self.D, np.broadcast_to(corner, self.D.shape))
        )

    @cached_property
    def D_kind(self) -> str:
        """``"isotropic"``, ``"diagonal"`` or ``"tensor"``, found from the values."""
        d = self.grid.dim
        size = [np.sqrt(np.maximum(self.D[k, k], 0)) for k in range(d)]
        for i, k in zip(*np.triu_indices(d, 1), strict=True):
            if (np.abs(self.D[i, k]) > CORRELATION * size[i] * size[k]).any():
                return "tensor"
        same = all(np.array_equal(self.D[0, 0], self.D[k, k]) for k in range(1, d))
        return "isotropic" if same else "diagonal"

    @cached_property
    def div_D(self) -> np.ndarray:
        r"""Row divergence of D, shape (d, \*shape)."""
        if self.D_constant:
            return frozen(np.zeros((self.grid.dim, *self.grid.shape)))
        D = self._D if callable(self._D) else self.D
        return frozen(fields.row_divergence(D, self.grid, "D"))

    @cached_property
    def g(self) -> np.ndarray:
        r"""Field g of the Ito equation dx = -g dt + noise, shape (d, \*shape)."""
        g = fields.gradient(self._f, self.grid, "f") if self._grad is None else self._grad
        if self.calculus == "klimontovich":
            g = g - self.kT * self.div_D
        elif self.calculus == "stratonovich":
            g = g - stratonovich_correction(self._D, self._sigma, self.grid, self.kT)
        return frozen(fields.check_finite(g, self.grid.x, "grad f" if self._f is not None else "g"))

    @property
    def drift(self) -> np.ndarray:
        r"""Ito drift b = -g, shape (d, \*shape)."""
        return frozen(-self.g)

    @cached_property
    def v(self) -> np.ndarray:
        r"""Drift :math:`v=-(g+kT\,\nabla\cdot D)` of :math:`J = v\rho - kT D\nabla\rho`."""
        return frozen(-(self.g + self.kT * self.div_D))

    @property
    def noise_share(self):
        r"""Pair (a, b) of :math:`v_i = b_i - a\,kT\,\partial_iD_{ii}`, the drift v for diagonal D.

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
        return all(
            callable(u) or constant
            for u, constant in ((force, np.size(force) == 1), (self._D, self.D_constant))
        )

    def on_line(self, nodes, middle, step):
        """Increments of b/D over small pieces of a line (one dimension, callables)."""
        grid = self.grid
        D = self.D[0, 0, 0]
        if not self.D_constant:
            D = np.stack([fields.matrix_field(self._D, grid, "D", x[None])[0, 0] for x in middle])
        if self._f is not None:
            f = np.stack([fields.scalar_field(self._f, grid, "f", x[None]) for x in nodes])
            return -np.diff(f, axis=0) / D
        drift = 0.0 if self._drift is None else self._drift
        b = np.stack([fields.vector_field(drift, grid, "drift", x[None])[0] for x in middle])
        return b * step / D

    def on(self, grid):
        """Return the same problem on another grid; for callables and constants.

        Examples
        --------
        >>> import fokkerplanck as fp
        >>> problem = fp.Problem(fp.Grid([(-3, 3)], 16), f=lambda x: x**2)
        >>> problem.on(problem.grid.refined()).grid.shape
        (32,)
        """
        given = {"f": self._f, "grad_f": self._grad_f, "drift": self._drift}
        given |= {"D": self._D} if self._sigma is None else {"sigma": self._sigma}
        given = self._inverse or given
        arrays = [name for name, u in given.items() if fields.is_gridded(u, self.grid.shape)]
        if arrays:
            raise ValueError(
                f"{' and '.join(arrays)} given as arrays know one grid only; give callables to "
                "move a problem to another grid"
            )
        if self._inverse is not None:
            return Problem.from_potential(grid, **self._inverse)
        problem = Problem(grid, beta=self.beta, calculus=self.calculus, **given)
        samples = ("eta", "batch_size", "n_samples", "minibatch")
        problem.__dict__.update({k: self.__dict__[k] for k in samples if k in self.__dict__})
        return problem

    def __repr__(self):
        """What is solved, with the kind of D that was found."""
        force = "f" if self._f is not None else "drift" if self._drift is not None else "Phi"
        if self.potential is None and self._f is None and self._drift is None:
            force = "no drift"
        constant = "constant" if self.D_constant else "varying"
        return f"Problem({force}, {self.D_kind} {constant} D, beta={self.beta:g}, on {self.grid!r})"


def check_problem(value, asker: str) -> Problem:
    """Return value if it is a Problem; asker names the function that was called."""
    if not isinstance(value, Problem):
        raise ValueError(f"{asker} received {describe(value)}; give a Problem")
    return value


def _check_given(f, grad_f, drift, D, sigma, calculus):
    """Raise for arguments that exclude each other, and an unknown calculus."""
    if f is not None and drift is not None:
        raise ValueError("f and drift are both given; give a loss f (drift -grad f) or a drift")
    if grad_f is not None and f is None:
        raise ValueError("grad_f is given without f; give f too, or drift = -grad_f")
    if D is not None and sigma is not None:
        raise ValueError("D and sigma are both given; give one (D = beta sigma sigma^T / 2)")
    if not isinstance(calculus, str) or calculus not in SHARE:
        raise ValueError(f"calculus is {calculus!r}; choose from {', '.join(SHARE)}")
