"""Random grids, tensors, drifts and densities, each printed by the numbers that make it again.

The structure (axes, walls, kinds of field, orders of magnitude) is drawn by hypothesis, which
shrinks it to the smallest one that fails; values cell by cell come from a seed.
"""

from dataclasses import dataclass

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st

import fokkerplanck as fp

#: Fewer cases where few are drawn anyway, of what takes a quarter of a second for 5: a decorator.
few = settings(max_examples=4) if settings.get_current_profile_name() == "quick" else lambda f: f
WORDS = ("reflecting", "absorbing")


@dataclass(frozen=True)
class Setup:
    """A problem in numbers; ``Setup(...).problem()`` makes it.

    Parameters
    ----------
    shape : tuple of int
    lengths : tuple of float
        Lengths of the box.
    graded : tuple of bool
    sides : tuple
    kind : {"number", "diagonal", "tensor"}
        Kind of D.
    decades : float
        Powers of ten that D spans over the box; 0 for a constant.
    condition : float
        Largest over smallest eigenvalue of D; infinite for rank-deficient ones.
    scale : float
        Size of D.
    peclet : float
        Largest cell Péclet number |v| h / (kT D) of the drift; 0 for none.
    climb : float
        Range of the loss in units of kT, where there is one; 0 for none.
    beta : float
    seed : int
    """

    shape: tuple
    lengths: tuple
    graded: tuple
    sides: tuple
    kind: str = "number"
    decades: float = 0.0
    condition: float = 1.0
    scale: float = 1.0
    peclet: float = 0.0
    climb: float = 0.0
    beta: float = 1.0
    seed: int = 0

    def rng(self, stream):
        """Random numbers of one purpose: a field stays as it is while another is shrunk."""
        return np.random.default_rng([self.seed, stream])

    def grid(self):
        """Box from 0, with widths that vary threefold on graded axes."""
        rng, box = self.rng(0), []
        for n, length, graded in zip(self.shape, self.lengths, self.graded, strict=True):
            if graded and n > 1:
                faces = np.concatenate([[0], np.cumsum(rng.uniform(0.5, 1.5, n))])
                box.append(length * faces / faces[-1])
            else:
                box.append((0.0, length))
        shape = None if all(np.ndim(axis) == 1 and len(axis) > 2 for axis in box) else self.shape
        return fp.Grid(box, shape, sides=list(self.sides))

    def D(self):
        """Tensor field (d, d, *shape), or smaller where the kind allows."""
        rng, d = self.rng(1), len(self.shape)
        size = self.scale * 10 ** (self.decades * rng.uniform(-0.5, 0.5, self.shape))
        if self.kind == "number":
            # On 2 x 2 cells the values could be a matrix.
            return np.eye(d).reshape(d, d, *[1] * d) * size if self.decades else self.scale
        weak = 0.0 if np.isinf(self.condition) else 1 / self.condition
        strengths = np.exp(rng.uniform(0, 1, d) * np.log(max(weak, 1e-300)))
        strengths[-1], strengths[0] = weak, 1.0
        rng.shuffle(strengths)
        if self.kind == "diagonal":
            eigen = strengths
            D = np.diag(eigen)
        else:
            turn = np.linalg.qr(rng.normal(size=(d, d)))[0]
            D = (turn * strengths) @ turn.T
            D = (D + D.T) / 2
        if not self.decades:
            return (self.scale * D).tolist()
        return D.reshape(d, d, *[1] * d) * size

    def problem(self):
        """Problem with arrays over the grid."""
        grid, D, d = self.grid(), self.D(), len(self.shape)
        if self.climb:
            f = self.rng(2).uniform(0, self.climb / self.beta, self.shape)
            return fp.Problem(grid, f, D, self.beta)
        drift = np.zeros((d, *self.shape))
        if self.peclet:
            h = np.array(self.lengths) / np.array(self.shape)
            size = self.peclet * np.trace(np.atleast_2d(_corner(D, d))) / (self.beta * h)
            drift = size.reshape(d, *[1] * d) * self.rng(3).uniform(-1, 1, (d, *self.shape))
        return fp.Problem(grid, drift=drift, D=D, beta=self.beta)

    def masses(self):
        """Cell masses of mass 1, some of them zero."""
        p = self.rng(4).exponential(size=self.shape)
        p[self.rng(5).random(self.shape) < 0.3] = 0.0
        p.flat[0] += 1e-3
        return p / p.sum()


def _corner(D, d):
    """D of the first cell as a matrix, or as a number."""
    D = np.asarray(D)
    if D.ndim >= 2 and D.shape[:2] == (d, d):
        return D[(slice(None), slice(None), *[0] * (D.ndim - 2))]
    return D.flat[0] * np.eye(d)


def powers(low, high):
    """Numbers from 10^low to 10^high, evenly by order of magnitude."""
    return st.floats(low, high).map(lambda power: float(f"{10**power:.3g}"))


@st.composite
def setups(
    draw,
    dims=(1, 2, 3),
    cells=60,
    absorbing=True,
    kinds=("number", "diagonal", "tensor"),
    decades=12.0,
    condition=8.0,
    singular=False,
    peclet=6.0,
    climb=0.0,
    beta=(-3, 4),
    graded=True,
    periodic=True,
):
    """Random `Setup`.

    Parameters
    ----------
    dims, kinds : tuple
    cells : int
        Most cells in all; 2 to 7 on an axis, up to twice as many in one dimension.
    absorbing, singular, graded, periodic : bool
        Whether there may be absorbing sides, D of lower rank, graded and periodic axes.
    decades, condition, peclet, beta
        Largest powers of ten (the two ends for beta).
    climb : float
        Range of a loss in units of kT, in place of a drift.
    """
    d = draw(st.sampled_from(dims))
    shape = []
    for _ in range(d):
        most = min(
            14 if d == 1 else 7, cells // int(np.prod([*shape, *[2] * (d - len(shape) - 1)]))
        )
        shape.append(draw(st.integers(2, max(most, 2))))
    kind = draw(st.sampled_from(kinds))
    may_grade = graded and kind != "tensor"
    wall = st.tuples(*[st.sampled_from(WORDS if absorbing else WORDS[:1])] * 2)
    sides = st.one_of(wall, st.just(("periodic", "periodic"))) if periodic else wall
    words = [draw(sides) for _ in range(d)]
    # A ring has three cells.
    shape = [
        max(n, 3) if pair[0] == "periodic" else n for n, pair in zip(shape, words, strict=True)
    ]
    worst = np.inf if singular and draw(st.booleans()) else None
    return Setup(
        tuple(shape),
        tuple(draw(powers(-2, 2)) for _ in range(d)),
        tuple(may_grade and draw(st.booleans()) for _ in range(d)),
        tuple("periodic" if pair[0] == "periodic" else pair for pair in words),
        kind,
        draw(st.one_of(st.just(0.0), st.floats(0, decades))) if decades else 0.0,
        1.0 if kind == "number" else worst or draw(powers(0, condition)),
        draw(powers(-3, 3)),
        draw(st.one_of(st.just(0.0), powers(-2, peclet))) if not climb else 0.0,
        draw(st.floats(0.1, climb)) if climb else 0.0,
        draw(powers(*beta)),
        draw(st.integers(0, 2**32 - 1)),
    )
