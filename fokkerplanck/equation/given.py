"""What defines a problem, as a person gave it."""

from __future__ import annotations

from dataclasses import dataclass

from fokkerplanck.domain.fields import is_gridded
from fokkerplanck.domain.types import Field
from fokkerplanck.equation.langevin import Langevin
from fokkerplanck.equation.minibatch import Sampling


@dataclass(frozen=True, eq=False)
class Given:
    """Arguments of a Problem: of its constructor, or of the inverse design if Phi is one of them.

    Attributes
    ----------
    f, grad_f, drift : callable, array or None
        At most one of f and drift.
    Phi : callable, array or None
        Potential of the steady state, for the inverse design.
    D : callable, number or array
        Diffusion matrix; where sigma was given, the one that follows from it.
    sigma : callable, number, array or None
        Noise matrix.
    Q, j : callable, number, array or None
        Part of the inverse design that leaves the steady state alone; at most one of them.
    sampling : Sampling or None
        Minibatch SGD that f and D were made of.
    langevin : Langevin or None
        Potential, friction and mass that the drift and D were made of.
    """

    f: Field | None = None
    grad_f: Field | None = None
    drift: Field | None = None
    Phi: Field | None = None
    D: Field = 1.0
    sigma: Field | None = None
    Q: Field | None = None
    j: Field | None = None
    sampling: Sampling | None = None
    langevin: Langevin | None = None

    def __post_init__(self) -> None:
        """Raise for arguments that exclude each other."""
        if self.f is not None and self.drift is not None:
            raise ValueError("f and drift are both given; give a loss f (drift -grad f) or a drift")
        if self.grad_f is not None and self.f is None:
            raise ValueError("grad_f is given without f; give f too, or drift = -grad_f")
        if self.Q is not None and self.j is not None:
            raise ValueError("Q and j are both given; give one (j = -Q grad Phi + div Q / beta)")

    @property
    def force(self) -> str:
        """Name of what the drift follows from."""
        if self.langevin is not None:
            return repr(self.langevin)
        names = [name for name in ("f", "drift", "Phi") if getattr(self, name) is not None]
        return names[0] if names else "no drift"

    def arrays(self, shape: tuple[int, ...]) -> list[str]:
        """Names of what is known at the cells of a grid of this shape only."""
        names = [name for name, u in vars(self).items() if is_gridded(u, shape)]
        return names if self.langevin is None else ["U" if n == "drift" else n for n in names]
