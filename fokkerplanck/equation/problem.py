"""The Fokker-Planck problem: grid, loss or drift, diffusion matrix and temperature."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np

from fokkerplanck.domain import fields
from fokkerplanck.domain.arguments import frozen, one_of, positive_number
from fokkerplanck.domain.grid import Grid, check_grid
from fokkerplanck.domain.portable import Portable
from fokkerplanck.domain.types import Array, Field
from fokkerplanck.equation.calculus import (
    SHARE,
    check_gradient,
    diffusion_from_noise,
    inverse_temperature,
    stratonovich_correction,
)
from fokkerplanck.equation.given import FIELDS, Given
from fokkerplanck.equation.inner_zeros import InnerZero, find_inner_zeros
from fokkerplanck.equation.inverse_design import design
from fokkerplanck.equation.langevin import Langevin, check_phase_space
from fokkerplanck.equation.medium import Medium
from fokkerplanck.equation.minibatch import Minibatch, Rows, sampled
from fokkerplanck.equation.toml_text import toml_text
from fokkerplanck.equation.walls import Wall, find_walls

#: Off-diagonal entries of D below this part of sqrt(D_ii D_kk) are rounding.
CORRELATION = 1e-14


class Problem(Portable):
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
    walls : tuple of Wall
        Walls where D vanishes or the drift is singular, with Feller's class.

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

    grid: Grid
    beta: float
    calculus: str
    given: Given
    D: Array
    f: Array | None = None
    #: Parts of v = -D grad(potential) + circulation where both are known exactly.
    potential: Array | None = None
    circulation: Array | None = None
    minibatch: Minibatch | None = None
    eta: float
    batch_size: int
    n_samples: int
    _grad: Array | None = None  # minus the given drift, or a given grad f, in the given calculus
    _sealed = False

    def __init__(
        self, grid: Grid, f: Field | None = None, D: Field | None = None,
        beta: float | None = None, *, grad_f: Field | None = None, drift: Field | None = None,
        sigma: Field | None = None, kT: float | None = None, calculus: str = "ito",
    ) -> None:  # fmt: skip
        check_grid(grid)
        given = Given(f=f, grad_f=grad_f, drift=drift, D=1.0 if D is None else D, sigma=sigma)
        if D is not None and sigma is not None:
            raise ValueError("D and sigma are both given; give one (D = beta sigma sigma^T / 2)")
        one_of(calculus, "calculus", tuple(SHARE))
        self._fill(grid, given, inverse_temperature(beta, kT), calculus)

    def _fill(
        self,
        grid: Grid,
        given: Given,
        beta: float,
        calculus: str = "ito",
        kept: Problem | None = None,
        stays: frozenset[str] = frozenset(),
    ) -> Problem:
        """Evaluate and check what was given: the one place where a problem gets its fields.

        What another problem, ``kept``, has of the arguments that stay is taken from there, if it
        is on the same grid.
        """
        self.grid, self.beta, self.calculus = grid, beta, calculus
        same = stays if kept is not None and kept.grid is grid else frozenset()
        if given.sampling is None:
            for name in sorted({*FIELDS} - same):
                fields.check_repeatable(getattr(given, name), grid, name)
        self._fill_noise(given, kept if {"D", "sigma"} <= same and given.sigma is None else None)
        given = self.given
        if given.Phi is not None:
            self.potential, self.circulation, v = design(
                given.Phi, given.Q, given.j, self.D, grid, beta
            )
            self._grad = -(v + self.kT * self.div_D)
        elif kept is not None and {"f", "grad_f", "drift"} <= same and kept.given.Phi is None:
            self.f, self._grad = kept.f, kept._grad
            if calculus == "ito":  # in others g depends on temperature and noise
                self.share(kept, "g")
        elif given.f is not None:
            self._fill_loss(given.f, given.grad_f)
        else:
            drift = np.zeros(grid.dim) if given.drift is None else given.drift
            self._grad = -fields.vector_field(drift, grid, "drift")
        if given.sampling is not None:
            self.eta, self.batch_size, self.n_samples, self.minibatch = given.sampling
        self._sealed = True
        return self

    def _fill_noise(self, given: Given, kept: Problem | None) -> None:
        """Values of D, or those of another problem with the same D on the same grid."""
        if kept is not None:
            self.D, self.given = kept.D, given
            self.share(kept, "D_constant", "D_kind", "div_D")
            return
        grid, D, sigma = self.grid, given.D, given.sigma
        if sigma is not None:
            D = diffusion_from_noise(sigma, grid, self.beta)
            if fields.is_gridded(sigma, grid.shape):
                sigma = fields.matrix_field(sigma, grid, "sigma", columns=True)
        self.D = frozen(fields.check_diffusion(fields.matrix_field(D, grid, "D"), grid))
        if callable(D):
            fields.check_periodic(D, self.D, grid, "D", fields.matrix_field)
        # What a person may still write to is not kept.
        elif fields.is_gridded(D, grid.shape):
            D = self.D
        self.given = replace(given, D=D, sigma=sigma)

    def share(self, kept: Problem, *names: str) -> None:
        """Take what another problem has already derived, for fields that are the same in that."""
        vars(self).update({name: vars(kept)[name] for name in names if name in vars(kept)})

    def _fill_loss(self, f: Field, grad_f: Field | None) -> None:
        """Values of f, and of its gradient where that is given."""
        self.f = frozen(fields.scalar_field(f, self.grid, "f").copy())
        fields.check_periodic(f, self.f, self.grid, "f")
        f = f if callable(f) or np.ndim(f) == 0 else self.f
        self.given = replace(self.given, f=f)
        if grad_f is not None:
            self._grad = fields.vector_field(grad_f, self.grid, "grad_f")
            check_gradient(f, grad_f, self.grid)

    def __setattr__(self, name: str, value: object) -> None:
        """Refuse: everything derived from a problem relies on it."""
        if self._sealed:
            raise AttributeError(f"a Problem does not change; make a new one to set {name}")
        super().__setattr__(name, value)

    @classmethod
    def from_potential(
        cls,
        grid: Grid,
        Phi: Field,
        D: Field = 1.0,
        beta: float = 1.0,
        Q: Field | None = None,
        j: Field | None = None,
    ) -> Problem:
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
        given = Given(Phi=Phi, D=1.0 if D is None else D, Q=Q, j=j)
        if Phi is None:  # says what is expected
            fields.scalar_field(Phi, check_grid(grid), "Phi")
        return cls.__new__(cls)._fill(check_grid(grid), given, inverse_temperature(beta, None))

    @classmethod
    def from_samples(
        cls,
        grid: Grid,
        losses: Rows,
        data: Any,
        eta: float,
        b: int,
        replacement: bool = True,
        grad_losses: Rows | None = None,
    ) -> Problem:
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
        sampling, kT = sampled(check_grid(grid), losses, data, eta, b, replacement, grad_losses)
        m = sampling.minibatch
        given = Given(f=m.loss, grad_f=m.gradient, D=m.covariance, sampling=sampling)
        return cls.__new__(cls)._fill(grid, given, inverse_temperature(None, kT))

    @classmethod
    def langevin(
        cls,
        grid: Grid,
        U: Field,
        gamma: float,
        kT: float,
        mass: float = 1.0,
        grad_U: Field | None = None,
    ) -> Problem:
        r"""Underdamped motion :math:`dx=v\,dt,\ m\,dv=(-U'-\gamma v)\,dt+\sqrt{2\gamma kT}\,dW`.

        The density of position and velocity obeys the Klein-Kramers equation
        :math:`\rho_t=-v\rho_x+\partial_v[(U'+\gamma v)\rho/m+kT\gamma\rho_v/m^2]`, whose steady
        state :math:`e^{-(U+mv^2/2)/kT}/Z` is known: ``steady_state`` returns it, with its current,
        and ``solve`` relaxes to it (``"well_balanced"``). ``mfpt``, ``exit_probabilities`` and
        ``spectrum`` take the flux that keeps it on any grid (``"phase_space"``).

        Parameters
        ----------
        grid : Grid
            Two axes, position and velocity; the first reflecting (an elastic wall) or periodic.
        U : callable ``U(x)`` or array (nx,)
            Potential energy.
        gamma : float
            Coefficient of the friction :math:`-\gamma v`, a force: mass/time. Velocities decay at
            the rate gamma/mass.
        kT : float
            Temperature, energy.
        mass : float
        grad_U : callable ``grad_U(x)`` or array (nx,), optional
            Derivative of U; by fourth-order differences of U where left out.

        Returns
        -------
        Problem
            With drift :math:`(v,-(U'+\gamma v)/m)` and :math:`D=\mathrm{diag}(0,\gamma/m^2)`, which
            any method can solve; ``given.langevin`` holds U, gamma and mass.

        Raises
        ------
        ValueError
            If the grid is no such plane, or gamma, kT or mass are not positive.

        References
        ----------
        H. A. Kramers, Physica 7 (1940) 284; Risken, The Fokker-Planck Equation (1989), ch. 10.

        Examples
        --------
        >>> import fokkerplanck as fp
        >>> grid = fp.Grid([(-2, 2), (-1.6, 1.6)], 80)
        >>> problem = fp.Problem.langevin(grid, lambda x: x**4 / 4 - x**2 / 2, gamma=0.1, kT=0.05)
        >>> state = fp.steady_state(problem)
        >>> state.stats.scheme, round(float(grid.integrate(state.rho * grid.x[1] ** 2)), 5)
        ('exact', 0.05)
        """
        kT = positive_number(kT, "kT")
        langevin = Langevin(U, gamma, mass, grad_U).on(check_phase_space(check_grid(grid)))
        given = Given(drift=langevin.drift(grid), D=langevin.D, langevin=langevin)
        return cls.__new__(cls)._fill(grid, given, inverse_temperature(None, kT))

    @property
    def kT(self) -> float:
        """Temperature T = 1/beta."""
        return 1 / self.beta

    @cached_property
    def D_constant(self) -> bool:
        """True if D is the same in every cell."""
        corner = self.D[fields.at((slice(1),) * self.grid.dim)]
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
    def div_D(self) -> Array:
        r"""Row divergence of D, shape (d, \*shape)."""
        if self.D_constant:
            return frozen(np.zeros((self.grid.dim, *self.grid.shape)))
        D = self.given.D if callable(self.given.D) else self.D
        return frozen(fields.row_divergence(D, self.grid, "D"))

    @cached_property
    def g(self) -> Array:
        r"""Field g of the Ito equation dx = -g dt + noise, shape (d, \*shape)."""
        given = self.given
        g = fields.gradient(self._force, self.grid, "f") if self._grad is None else self._grad
        if self.calculus == "klimontovich":
            g = g - self.kT * self.div_D
        elif self.calculus == "stratonovich":
            g = g - stratonovich_correction(given.D, given.sigma, self.grid, self.kT)
        return frozen(fields.check_finite(g, self.grid.x, "grad f" if given.f is not None else "g"))

    @property
    def drift(self) -> Array:
        r"""Ito drift b = -g, shape (d, \*shape)."""
        return frozen(-self.g)

    @cached_property
    def v(self) -> Array:
        r"""Drift :math:`v=-(g+kT\,\nabla\cdot D)` of :math:`J = v\rho - kT D\nabla\rho`."""
        return frozen(-(self.g + self.kT * self.div_D))

    @property
    def noise_share(self) -> tuple[float, Array | None]:
        r"""Pair (a, b) of :math:`v_i = b_i - a\,kT\,\partial_iD_{ii}`, the drift v for diagonal D.

        b is None where it is -grad f. Stratonovich drifts in more than one dimension depend on the
        noise matrix, not on D alone, and go through the Ito drift.
        """
        if self.calculus == "stratonovich" and self.grid.dim > 1:
            return 1.0, self.drift
        minus_drift = None if self.f is not None else self._grad
        return SHARE[self.calculus], None if minus_drift is None else -minus_drift

    @cached_property
    def walls(self) -> tuple[Wall, ...]:
        """Walls where D vanishes or the drift is singular, classified: docs/boundaries.md.

        Examples
        --------
        >>> import fokkerplanck as fp
        >>> grid = fp.Grid([(0, 25)], 100)
        >>> fp.Problem(grid, drift=lambda x: 1 - x, D=lambda x: x / 0.3).walls
        (Wall(side('x', 'lower'): regular, reflecting as asked),)
        >>> fp.Problem(grid, drift=lambda x: 1 - x, D=lambda x: x / 2).walls
        (Wall(side('x', 'lower'): entrance, never reached, reflecting by itself),)
        """
        return find_walls(Medium(self))

    @cached_property
    def inner_zeros(self) -> tuple[InnerZero, ...]:
        """Points between the walls where the noise along an axis vanishes: docs/boundaries.md.

        Examples
        --------
        >>> import fokkerplanck as fp
        >>> grid = fp.Grid([(-1, 1)], 40)
        >>> (zero,) = fp.Problem(grid, drift=lambda x: 0.5 - x, D=lambda x: x**2).inner_zeros
        >>> zero.words
        'D vanishes inside at x=0: passed upwards only'
        """
        return find_inner_zeros(self)

    @cached_property
    def knows_walls(self) -> bool:
        """True if the edge list is made for ``walls``: for diagonal D > 0 between them."""
        axes = {wall.side.axis for wall in self.walls}
        if self.D_kind == "tensor" or not axes:
            return False
        broken = any(zero.axis in axes for zero in self.inner_zeros)
        return not broken and all((self.D[k, k] > 0).all() for k in axes)

    @property
    def has_open_sides(self) -> bool:
        """True if mass can leave: through an absorbing side that is ever reached."""
        sides = self.grid.sides_of("absorbing")
        if not sides or not self.knows_walls:
            return bool(sides)
        shut = {wall.side for wall in self.walls if wall.is_shut}
        return any(side not in shut for side in sides)

    @property
    def has_callables(self) -> bool:
        """True if D and the drift (or f) can be evaluated between cell centres."""
        force = self._force
        is_known = callable(force) or np.size(force) == 1
        return is_known and (callable(self.given.D) or self.D_constant)

    @property
    def at_cells(self) -> dict[str, Any]:
        """Arguments of ``from_cells`` that give an Ito Problem with the same fields, as arrays."""
        known: dict[str, Any] = {"grid": self.grid, "D": np.array(self.D), "beta": self.beta}
        known["drift"] = np.array(self.drift)
        return known if self.f is None else known | {"f": np.array(self.f)}

    @classmethod
    def from_cells(
        cls, grid: Grid, drift: Array, D: Array, beta: float, f: Array | None = None
    ) -> Problem:
        """Problem of arrays over the cells; minus the drift is taken for the gradient of f.

        Unlike the constructor it does not compare the two: on few cells the gradient of a function
        is not the difference of its values.
        """
        problem = cls(grid, drift=drift, D=D, beta=beta)
        if f is not None:
            f = frozen(np.array(f))
            given = replace(problem.given, f=f, grad_f=problem._grad, drift=None)
            vars(problem).update(f=f, given=given)
        return problem

    @property
    def _force(self) -> Field:
        """Loss or drift as given, 0 where neither was."""
        given = self.given.drift if self.given.f is None else self.given.f
        return 0.0 if given is None else given

    def on_line(self, nodes: Array, middle: Array, step: Array) -> Array:
        """Increments of b/D over small pieces of a line (one dimension, callables)."""
        grid = self.grid
        D, force = self.D[0, 0, 0], self._force
        if not self.D_constant:
            D = np.stack(
                [fields.matrix_field(self.given.D, grid, "D", x[None])[0, 0] for x in middle]
            )
        if self.f is not None:
            f = np.stack([fields.scalar_field(force, grid, "f", x[None]) for x in nodes])
            return -np.diff(f, axis=0) / D
        b = np.stack([fields.vector_field(force, grid, "drift", x[None])[0] for x in middle])
        return b * step / D

    def to_toml(self) -> str:
        """Text of a problem file that ``read_problem`` makes this problem of, to the last bit.

        Formulas keep their parameters by name; what is the same in all cells is written as numbers.

        Raises
        ------
        ValueError
            For what text cannot hold: functions, arrays that vary, minibatch SGD.

        Examples
        --------
        >>> import fokkerplanck as fp
        >>> problem = fp.Problem(fp.Grid([(-3, 3)], 64), f=fp.Formula("a*x^2", {"a": 0.5}), kT=0.5)
        >>> print(problem.to_toml().partition("[parameters]")[2])
        <BLANKLINE>
        a = 0.5
        <BLANKLINE>
        [problem]
        f = "a*x^2"
        D = 1.0
        beta = 2.0
        <BLANKLINE>
        """
        return toml_text(self.grid, self.given, self.beta, self.calculus)

    def on(self, grid: Grid) -> Problem:
        """Return the same problem on another grid; for callables and constants.

        Examples
        --------
        >>> import fokkerplanck as fp
        >>> problem = fp.Problem(fp.Grid([(-3, 3)], 16), f=lambda x: x**2)
        >>> problem.on(problem.grid.refined()).grid.shape
        (32,)
        """
        return self._moved(self.given, check_grid(grid), self.beta, frozenset(FIELDS))

    def replace(
        self,
        *,
        f: Field | None = None,
        drift: Field | None = None,
        D: Field | None = None,
        grid: Grid | None = None,
        beta: float | None = None,
        kT: float | None = None,
    ) -> Problem:
        r"""Return the problem with some of its parts replaced; the others are not evaluated anew.

        Parameters
        ----------
        f, drift : callable or array, optional
            Another loss, or another drift, in place of whichever of them the problem has.
        D : callable, number or array, optional
            In place of D or of the noise matrix sigma.
        grid : Grid, optional
            As in ``on``: what stays has to be known there.
        beta, kT : float, optional
            At most one of them. D stays; where sigma was given it stays, and
            :math:`D=\beta\sigma\sigma^T/2` follows.

        Returns
        -------
        Problem
            The same, to the last bit, as one made of all the parts: a callable that stays has to
            be the function that it was.

        Raises
        ------
        ValueError
            If nothing or too much is given, if a part that stays is an array over another grid, or
            if the parts hang together: those of ``Problem.langevin`` and ``Problem.from_samples``.

        Examples
        --------
        >>> import fokkerplanck as fp
        >>> problem = fp.Problem(fp.Grid([(-3, 3)], 64), f=lambda x: x**4 / 4 - x**2 / 2)
        >>> cold = fp.steady_state(problem.replace(kT=0.1))
        >>> round(float(cold.mean(lambda x: x**2)), 3)
        0.871
        """
        given = self.given.replaced(f, drift, D)
        if beta is None and kT is None:
            value = self.beta
        else:
            self.given.check_free("beta")
            value = inverse_temperature(beta, kT)
        if given is self.given and grid is None and value == self.beta:
            if beta is None and kT is None:
                raise ValueError("nothing is given to replace; give f, drift, D, grid, beta or kT")
            return self
        # What is given counts as new, even the very object that was: its values may be others.
        new = {name for name, u in (("f", f), ("drift", drift), ("D", D)) if u is not None}
        stays = frozenset(given.same_as(self.given) - new)
        return self._moved(given, self.grid if grid is None else check_grid(grid), value, stays)

    def _moved(self, given: Given, grid: Grid, beta: float, stays: frozenset[str]) -> Problem:
        """Problem of other parts, on another grid or at another temperature."""
        if grid is not self.grid:
            derived = "D" if given.sigma is not None else ""
            arrays = given.only((stays | {"langevin"}) - {derived}).arrays(self.grid.shape)
            if arrays:
                raise ValueError(
                    f"{' and '.join(arrays)} given as arrays know one grid only; give callables to "
                    "move a problem to another grid"
                )
            if given.langevin is not None:
                langevin = given.langevin.on(check_phase_space(grid))
                given = replace(given, drift=langevin.drift(grid), langevin=langevin)
        fresh = type(self).__new__(type(self))
        return fresh._fill(grid, given, beta, self.calculus, self, stays)

    def __repr__(self) -> str:
        """What is solved, with the kind of D that was found."""
        constant = "constant" if self.D_constant else "varying"
        kind = f"{self.given.force}, {self.D_kind} {constant} D"
        found = [wall.words for wall in self.walls] + [zero.words for zero in self.inner_zeros]
        walls = "".join(f", {words}" for words in found)
        return f"Problem({kind}, beta={self.beta:g}, on {self.grid!r}{walls})"


def check_problem(value: object, asker: str) -> Problem:
    """Return value if it is a Problem; asker names the function that was called."""
    if not isinstance(value, Problem):
        raise ValueError(f"{asker} received {type(value).__name__}; give a Problem")
    return value
