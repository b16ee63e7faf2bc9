"""What defines a problem, as a person gave it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from fokkerplanck.domain.fields import is_gridded
from fokkerplanck.domain.types import Field
from fokkerplanck.equation.langevin import Langevin
from fokkerplanck.equation.minibatch import Sampling

#: Names of the fields that a problem is made of.
FIELDS = ("f", "grad_f", "drift", "Phi", "D", "sigma", "Q", "j")


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

    def same_as(self, other: Given) -> set[str]:
        """Names of the fields that are the very objects of another problem."""
        return {name for name in FIELDS if getattr(self, name) is getattr(other, name)}

    def only(self, names: frozenset[str]) -> Given:
        """These arguments alone."""
        return Given(**{name: u for name, u in vars(self).items() if name in names})

    def check_free(self, name: str) -> None:
        """Raise ValueError if an argument follows from others, which it cannot leave behind."""
        if self.sampling is not None:
            raise ValueError(
                f"{name} is given, and this problem is of minibatch SGD, whose loss, D and "
                "temperature follow from the data, eta and b; call Problem.from_samples again"
            )
        if self.langevin is not None and name != "beta":
            raise ValueError(
                f"{name} is given, and this problem is made of U, gamma and mass; call "
                "Problem.langevin again"
            )

    def replaced(self, f: Field | None, drift: Field | None, D: Field | None) -> Given:
        """Other arguments, with those that follow from what is replaced left out."""
        for name, value in (("f", f), ("drift", drift), ("D", D)):
            if value is not None:
                self.check_free(name)
        given = self
        if f is not None or drift is not None:
            given = Given(f=f, drift=drift, D=self.D, sigma=self.sigma)
        return given if D is None else replace(given, D=D, sigma=None)

    def arrays(self, shape: tuple[int, ...]) -> list[str]:
        """Names of what is known at the cells of a grid of this shape only."""
        names = [name for name, u in vars(self).items() if is_gridded(u, shape)]
        return names if self.langevin is None else ["U" if n == "drift" else n for n in names]
