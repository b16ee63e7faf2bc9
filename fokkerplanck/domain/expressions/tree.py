"""Trees of formulas: their values, what they print as, and names that get numbers.

Sums and products hold all of their operands, so that a long sum is no deep tree; they are added up
and multiplied from left to right, as they are written.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

#: Largest whole exponent that is taken by multiplications, which are faster than powers.
MULTIPLIED = 16


@dataclass(frozen=True)
class Number:
    """A constant."""

    value: float


@dataclass(frozen=True)
class Name:
    """A coordinate or a parameter."""

    name: str


@dataclass(frozen=True)
class Sum:
    """Terms, each with True where it is subtracted."""

    terms: tuple[tuple[bool, Node], ...]


@dataclass(frozen=True)
class Product:
    """Factors, each with True where it divides."""

    factors: tuple[tuple[bool, Node], ...]


@dataclass(frozen=True)
class Power:
    """base ^ exponent."""

    base: Node
    exponent: Node


@dataclass(frozen=True)
class Call:
    """A function of arguments."""

    function: str
    arguments: tuple[Node, ...]


Node: TypeAlias = Number | Name | Sum | Product | Power | Call


def _picked(u: Any, v: Any, lesser: Any, greater: Any) -> Any:
    """One value where u < v, another where u > v, their mean in between: slopes of min and max."""
    return np.where(u < v, lesser, np.where(u > v, greater, (lesser + greater) / 2))


#: Functions by name, with the number of their arguments (None: two or more).
FUNCTIONS: dict[str, tuple[Callable[..., Any], int | None]] = {
    **{word: (getattr(np, word), 1) for word in ("exp", "log", "sqrt", "sin", "cos", "tan")},
    **{word: (getattr(np, word), 1) for word in ("sinh", "cosh", "tanh", "abs", "sign")},
    "atan": (np.arctan, 1),
    "atan2": (np.arctan2, 2),
    "hypot": (np.hypot, 2),
    "min": (np.minimum, None),
    "max": (np.maximum, None),
}
#: What only derivatives hold; nobody can write it.
INNER = {"picked": _picked}
CONSTANTS = {"pi": np.pi, "e": np.e}


def parts(node: Node) -> tuple[Node, ...]:
    """Operands of a node."""
    match node:
        case Sum(terms):
            return tuple(u for _, u in terms)
        case Product(factors):
            return tuple(u for _, u in factors)
        case Power(base, exponent):
            return base, exponent
        case Call(_, arguments):
            return arguments
    return ()


def names_in(node: Node) -> set[str]:
    """Names of coordinates and parameters in a tree.

    Examples
    --------
    >>> from fokkerplanck.domain.expressions import names_in, parse
    >>> sorted(names_in(parse("a*x + pi", ("x", "a"))))
    ['a', 'x']
    """
    found, seen, left = set(), set(), [node]
    while left:
        u = left.pop()
        if id(u) not in seen:
            seen.add(id(u))
            left += parts(u)
            if isinstance(u, Name) and u.name not in CONSTANTS:
                found.add(u.name)
    return found


def valued(node: Node, values: Mapping[str, Any]) -> Any:
    """Value of a tree, by numpy, for numbers or arrays that broadcast.

    Examples
    --------
    >>> import numpy as np
    >>> from fokkerplanck.domain.expressions import parse, valued
    >>> valued(parse("-x^2", ("x",)), {"x": np.array([1.0, 3.0])})
    array([-1., -9.])
    """
    uses: dict[int, int] = {}
    _count(node, uses)
    with np.errstate(all="ignore"):
        return _value(node, {**CONSTANTS, **values}, uses, {})


def _count(node: Node, uses: dict[int, int]) -> None:
    """How often each node is an operand: what is used twice is computed once."""
    left = [node]
    while left:
        u = left.pop()
        uses[id(u)] = uses.get(id(u), 0) + 1
        if uses[id(u)] == 1:
            left += parts(u)


def _value(node: Node, values: Mapping[str, Any], uses: dict[int, int], known: dict) -> Any:
    """Value of a node; known holds those of nodes that are used more than once."""
    if id(node) in known:
        return known[id(node)]
    if isinstance(node, Number):
        return np.float64(node.value)
    if isinstance(node, Name):
        return (
            np.float64(values[node.name]) if np.ndim(values[node.name]) == 0 else values[node.name]
        )
    operands = (_value(u, values, uses, known) for u in parts(node))
    match node:
        case Sum(terms):
            first, *others = terms
            result = -next(operands) if first[0] else next(operands)
            for (is_minus, _), u in zip(others, operands, strict=True):
                result = result - u if is_minus else result + u
        case Product(factors):
            result = next(operands)
            for (is_over, _), u in zip(factors[1:], operands, strict=True):
                result = result / u if is_over else result * u
        case Power():
            result = _power(*operands)
        case Call(function, _):
            result = next(operands)
            if function in INNER:
                result = INNER[function](result, *operands)
            elif FUNCTIONS[function][1] is None:
                for u in operands:
                    result = FUNCTIONS[function][0](result, u)
            else:
                result = FUNCTIONS[function][0](result, *operands)
    if uses[id(node)] > 1:
        known[id(node)] = result
    return result


def _power(base: Any, exponent: Any) -> Any:
    """base ** exponent; small whole exponents by multiplications."""
    if np.ndim(exponent) or exponent != np.rint(exponent) or not 1 <= abs(exponent) <= MULTIPLIED:
        return np.power(base, exponent)
    result: Any = None
    n, square = int(abs(exponent)), base
    while n:
        if n % 2:
            result = square if result is None else result * square
        n //= 2
        square = square * square if n else square
    return 1 / result if exponent < 0 else result


def bound(node: Node, numbers: Mapping[str, float]) -> Node:
    """The tree with numbers in place of names, and constants computed now.

    Raises
    ------
    ValueError
        If a constant part is not finite.

    Examples
    --------
    >>> from fokkerplanck.domain.expressions import bound, parse, printed
    >>> printed(bound(parse("2*a*x", ("x", "a")), {"a": 3.0}))
    '6*x'
    """
    return _bound(node, {**CONSTANTS, **numbers}, {})


def _bound(node: Node, numbers: Mapping[str, float], known: dict[int, Node]) -> Node:
    """``bound`` of one node."""
    if id(node) in known:
        return known[id(node)]
    result: Node = node
    operands = [_bound(u, numbers, known) for u in parts(node)]
    match node:
        case Name(name) if name in numbers:
            result = Number(float(numbers[name]))
        case Sum(terms):
            result = Sum(tuple(zip((s for s, _ in terms), operands, strict=True)))
        case Product(factors):
            result = Product(tuple(zip((s for s, _ in factors), operands, strict=True)))
        case Power():
            result = Power(*operands)
        case Call(function, _):
            result = Call(function, tuple(operands))
    if operands:
        result = _folded(result, node)
    known[id(node)] = result
    return result


def _folded(node: Node, written: Node) -> Node:
    """Node with its constant part, or the constants that a sum or product begins with, as one."""
    operands = parts(node)
    count = next((k for k, u in enumerate(operands) if not isinstance(u, Number)), len(operands))
    if count == len(operands):
        value = float(valued(node, {}))
        if not np.isfinite(value):
            raise ValueError(f"{printed(written)} is {value}; give finite numbers")
        return Number(value)
    if count > 1 and isinstance(node, Sum):
        head = _folded(Sum(node.terms[:count]), written)
        return Sum(((False, head), *node.terms[count:]))
    if count > 1 and isinstance(node, Product):
        head = _folded(Product(node.factors[:count]), written)
        return Product(((False, head), *node.factors[count:]))
    return node


#: How tightly nodes bind, for brackets: terms of a sum, factors, operands of a power, and names.
SUM, PRODUCT, POWER, ATOM = range(4)


def printed(node: Node) -> str:
    """Text of a tree, with the brackets that it needs and no others.

    Examples
    --------
    >>> from fokkerplanck.domain.expressions import parse, printed
    >>> printed(parse("((x^2) - 1.0)^2 / (4*(2))", ("x",)))
    '(x^2 - 1)^2/(4*2)'
    """
    return _printed(node, SUM)


def _printed(node: Node, needed: int) -> str:
    """Text of a node, in brackets where it binds less tightly than needed."""
    match node:
        case Number(value):
            tightness, text = ATOM if value >= 0 else SUM, repr(float(value)).removesuffix(".0")
        case Name(name):
            tightness, text = ATOM, name
        case Sum(terms):
            tightness, text = SUM, ""
            for is_minus, u in terms:
                sign = "-" if is_minus else "+"
                if text:
                    text += f" {sign} {_printed(u, PRODUCT)}"
                else:
                    text = ("-" if is_minus else "") + _printed(u, PRODUCT)
        case Product(factors):
            tightness, text = PRODUCT, ""
            for is_over, u in factors:
                text += ("/" if is_over else "*") * bool(text) + _printed(u, POWER)
        case Power(base, exponent):
            tightness = POWER
            text = f"{_printed(base, ATOM)}^{_printed(exponent, POWER)}"
        case Call(function, arguments):
            tightness = ATOM
            text = f"{function}({', '.join(_printed(u, SUM) for u in arguments)})"
    return f"({text})" if tightness < needed else text
