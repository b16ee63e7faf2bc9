"""Formulas as fields: numbers, vectors or matrices of them, functions of the coordinates."""

from __future__ import annotations

from collections.abc import Mapping
from numbers import Real
from typing import Any

from fokkerplanck.domain.arguments import describe, finite_number
from fokkerplanck.domain.expressions.parser import parse
from fokkerplanck.domain.expressions.slopes import differentiate
from fokkerplanck.domain.expressions.tree import (
    CONSTANTS,
    FUNCTIONS,
    Node,
    Number,
    Product,
    Sum,
    bound,
    names_in,
    printed,
    valued,
)


class Formula:
    r"""A field given as text, with exact derivatives: what ``Problem`` takes for f, D or a drift.

    Parameters
    ----------
    text : str, number, or (nested) sequence of these
        A scalar, a vector or a matrix of formulas in x, y, z and the parameters; the grammar is
        that of docs/formulas.md.
    parameters : mapping of str to number, optional
    variables : sequence of str
        Names of the coordinates, in order.

    Raises
    ------
    ValueError
        For a formula that is not understood, with line and column (`ExpressionError`), and for
        parameters that are no finite numbers or bear names that mean something else.

    Examples
    --------
    >>> import fokkerplanck as fp
    >>> well = fp.Formula("(x^2 - 1)^2/4 + a*x", {"a": 0.1})
    >>> well.partial(0)
    Formula('(x^2 - 1)*x + 0.1')
    >>> grid = fp.Grid([(-2, 2)], 64)
    >>> fp.Problem(grid, f=well, kT=0.1).given.f is well
    True
    """

    def __init__(
        self,
        text: Any,
        parameters: Mapping[str, float] | None = None,
        variables: tuple[str, ...] = ("x", "y", "z"),
    ) -> None:
        self.variables = _checked_variables(variables)
        given = {} if parameters is None else parameters
        self.parameters = checked_parameters(given, self.variables)
        names = (*self.variables, *self.parameters)
        self.trees: Any = _each(text, lambda u: _tree(u, names))
        self._ready = self._bind()

    def _bind(self) -> Any:
        """Trees with numbers for the parameters."""
        return _each(self.trees, lambda tree: bound(tree, self.parameters))

    def __call__(self, *x: Any) -> Any:
        """Values at points, one array per coordinate: of the shape of the formulas."""
        values = dict(zip(self.variables, x, strict=False))
        missing = set().union(*map(names_in, self._leaves())) - {*values, *self.parameters}
        if missing:
            raise ValueError(
                f"{self} holds {', '.join(sorted(missing))}, which {len(x)} coordinates do not have"
            )
        return _each(self._ready, lambda tree: valued(tree, values))

    def partial(self, axis: int) -> Formula:
        """Derivative along an axis, exact."""
        return self._like(lambda tree: differentiate(tree, self.variables[axis]))

    def gradient(self, dim: int) -> Formula:
        """Gradient of a scalar formula: a vector of formulas."""
        return self._of(tuple(differentiate(self.trees, word) for word in self.variables[:dim]))

    def times_transposed(self, factor: float) -> Formula:
        r"""Matrix :math:`c\,s s^T` of a number s (times the identity), d numbers or rows (d, m).

        Numbers and diagonals give the same.

        Examples
        --------
        >>> import fokkerplanck as fp
        >>> fp.Formula([["x", "y"], [0, "y"]]).times_transposed(0.5).text()[0]
        ('0.5*(x*x + y*y)', '0.5*(x*0 + y*y)')
        """

        def entry(a: tuple[Node, ...], b: tuple[Node, ...]) -> Node:
            terms = [Product(((False, u), (False, v))) for u, v in zip(a, b, strict=True)]
            total = Sum(tuple((False, u) for u in terms)) if len(terms) > 1 else terms[0]
            return Product(((False, Number(factor)), (False, total)))

        if not isinstance(self.trees, tuple):
            return self._of(entry((self.trees,), (self.trees,)))
        rows = self.trees
        if not any(isinstance(row, tuple) for row in rows):
            return self._of(tuple(entry((u,), (u,)) for u in rows))
        return self._of(tuple(tuple(entry(a, b) for b in rows) for a in rows))

    def turning(self) -> Formula:
        """Antisymmetric matrix of a scalar q in the plane: [[0, q], [-q, 0]]."""
        zero = Number(0.0)
        return self._of(((zero, self.trees), (Sum(((True, self.trees),)), zero)))

    def _of(self, trees: Any) -> Formula:
        """Formula of other trees in the same names."""
        made = type(self)(0.0, self.parameters, self.variables)
        made.trees = trees
        made._ready = made._bind()
        return made

    def _like(self, change: Any) -> Formula:
        """Formula of changed trees."""
        return self._of(_each(self.trees, change))

    def _leaves(self) -> list[Node]:
        """All trees, in order."""
        found: list[Node] = []
        _each(self._ready, found.append)
        return found

    def text(self) -> Any:
        """Formulas as text, nested as they were given, with the parameters by name."""
        return _each(self.trees, printed)

    def __repr__(self) -> str:
        """Text with numbers for the parameters."""
        return f"Formula({_each(self._ready, printed)!r})"


def _checked_variables(variables: Any) -> tuple[str, ...]:
    """Names of coordinates as a tuple."""
    is_list = isinstance(variables, (tuple, list)) and len(variables) > 0
    if not is_list or not all(isinstance(u, str) and u.isidentifier() for u in variables):
        raise ValueError(
            f"variables is {describe(variables)}; give names of coordinates, ('x', 'y')"
        )
    return tuple(variables)


def checked_parameters(
    parameters: Mapping[str, Any], variables: tuple[str, ...]
) -> dict[str, float]:
    """Parameters as floats, if no name is taken."""
    if not isinstance(parameters, Mapping):
        raise ValueError(
            f"parameters is {describe(parameters)}; give a dict of names and numbers, {{'a': 0.1}}"
        )
    checked = {}
    for name, value in parameters.items():
        if not isinstance(name, str) or not name.isidentifier() or not name.isascii():
            raise ValueError(f"{name!r:.40} cannot name a parameter; give letters, digits and _")
        if name in (*variables, *FUNCTIONS, *CONSTANTS):
            raise ValueError(f"{name} cannot name a parameter, it has a meaning; give another name")
        checked[name] = finite_number(value, f"the parameter {name}")
    return checked


def _tree(u: Any, names: tuple[str, ...]) -> Node:
    """Tree of a text or a number."""
    if isinstance(u, Real) and not isinstance(u, bool):
        return Number(finite_number(u, "a number of a formula"))
    if not isinstance(u, str):
        raise ValueError(f"a formula is {describe(u)}; give text such as 'x^2/2', or a number")
    return parse(u, names)


def _each(nested: Any, change: Any) -> Any:
    """The same nested tuples with every entry changed."""
    if isinstance(nested, (list, tuple)):
        if not nested:
            raise ValueError("the text of a formula is an empty list; give one entry per component")
        return tuple(_each(u, change) for u in nested)
    return change(nested)
