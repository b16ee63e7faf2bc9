"""Exact derivatives of formulas, simplified while they are made."""

from __future__ import annotations

from fokkerplanck.domain.expressions.tree import (
    Call,
    Name,
    Node,
    Number,
    Power,
    Product,
    Sum,
)

ZERO, ONE, TWO = Number(0.0), Number(1.0), Number(2.0)


def differentiate(node: Node, name: str) -> Node:
    r"""Derivative :math:`\partial u/\partial x` of a tree by a coordinate or a parameter.

    Where a function has a corner (abs, min, max) it is the mean of both sides; that of sign is 0.

    Examples
    --------
    >>> from fokkerplanck.domain.expressions import differentiate, parse, printed
    >>> printed(differentiate(parse("a*x^3 + exp(-x)", ("x", "a")), "x"))
    '3*a*x^2 - exp(-x)'
    """
    return _slope(node, name, {})


def _slope(node: Node, name: str, known: dict[int, Node]) -> Node:
    """Derivative of one node; those of shared nodes are made once."""
    if id(node) not in known:
        found: Node
        match node:
            case Name(word):
                found = ONE if word == name else ZERO
            case Sum(terms):
                found = add(*((is_minus, _slope(u, name, known)) for is_minus, u in terms))
            case Product(factors):
                found = _of_product(factors, name, known)
            case Power(base, exponent):
                found = _of_power(node, base, exponent, name, known)
            case Call():
                found = _of_call(node, name, known)
            case _:
                found = ZERO
        known[id(node)] = found
    return known[id(node)]


def _of_product(factors: tuple[tuple[bool, Node], ...], name: str, known: dict[int, Node]) -> Node:
    """Derivative of a product, by halves: a chain of n factors makes n log n nodes, not n^2."""
    if len(factors) == 1:
        is_over, u = factors[0]
        slope = _slope(u, name, known)
        if not is_over:
            return slope
        return negative(multiply((False, slope), (True, power(u, TWO))))
    half = len(factors) // 2
    left, right = factors[:half], factors[half:]
    return add(
        (False, multiply((False, _of_product(left, name, known)), *right)),
        (False, multiply(*left, (False, _of_product(right, name, known)))),
    )


def _of_power(node: Node, u: Node, v: Node, name: str, known: dict[int, Node]) -> Node:
    """Derivative of u^v; the usual rule where v is constant."""
    du, dv = _slope(u, name, known), _slope(v, name, known)
    less = Number(v.value - 1) if isinstance(v, Number) else add((False, v), (True, ONE))
    by_base = multiply((False, v), (False, power(u, less)), (False, du))
    by_exponent = multiply((False, node), (False, Call("log", (u,))), (False, dv))
    return add((False, by_base), (False, by_exponent))


def _of_call(node: Call, name: str, known: dict[int, Node]) -> Node:
    """Derivative of a function by the chain rule."""
    word, arguments = node.function, node.arguments
    slopes = [_slope(u, name, known) for u in arguments]
    if all(slope == ZERO for slope in slopes):
        return ZERO
    if word in ("min", "max"):
        return _of_extreme(word, list(arguments), slopes)
    if word == "picked":
        return Call(word, (*arguments[:2], *slopes[2:]))
    if word in ("atan2", "hypot"):
        (u, v), (du, dv) = arguments, slopes
        if word == "hypot":
            sides = multiply((False, u), (False, du)), multiply((False, v), (False, dv))
            return multiply((False, add((False, sides[0]), (False, sides[1]))), (True, node))
        turn = add(
            (False, multiply((False, v), (False, du))), (True, multiply((False, u), (False, dv)))
        )
        # Divided twice by the distance: its square may overflow.
        far = Call("hypot", (u, v))
        return multiply((False, turn), (True, far), (True, far))
    return _of_plain(node, word, arguments[0], slopes[0])


def _of_plain(node: Call, word: str, u: Node, du: Node) -> Node:
    """Derivative of a function of one argument."""
    if word == "sign":
        return ZERO
    if word in ("log", "tan", "tanh", "atan", "sqrt"):
        square = power(u, TWO)
        under = {
            "log": u,
            "tan": Power(Call("cos", (u,)), TWO),
            "tanh": Power(Call("cosh", (u,)), TWO),  # 1 - tanh^2 would cancel
            "atan": Sum(((False, ONE), (False, square))),
            "sqrt": Product(((False, TWO), (False, node))),
        }[word]
        return multiply((False, du), (True, under))
    if word == "cos":
        return negative(multiply((False, Call("sin", (u,))), (False, du)))
    outer = {"sin": "cos", "sinh": "cosh", "cosh": "sinh", "abs": "sign"}
    slope = node if word == "exp" else Call(outer[word], (u,))
    return multiply((False, slope), (False, du))


def _of_extreme(word: str, arguments: list[Node], slopes: list[Node]) -> Node:
    """Derivative of min or max: that of the argument which is taken, by halves."""
    if len(arguments) == 1:
        return slopes[0]
    half = len(arguments) // 2
    sides, inner = [], []
    for part in (slice(None, half), slice(half, None)):
        few = arguments[part]
        sides.append(few[0] if len(few) == 1 else Call(word, tuple(few)))
        inner.append(_of_extreme(word, few, slopes[part]))
    if word == "max":
        sides.reverse()
    return Call("picked", (*sides, *inner))


def add(*terms: tuple[bool, Node]) -> Node:
    """Sum without zeros."""
    kept: list[tuple[bool, Node]] = []
    for is_minus, u in terms:
        if u == ZERO:
            continue
        if isinstance(u, Sum) and (not is_minus or len(u.terms) == 1):
            kept += [(s != is_minus, v) for s, v in u.terms]
        else:
            kept.append((is_minus, u))
    if not kept:
        return ZERO
    if len(kept) == 1 and not kept[0][0]:
        return kept[0][1]
    numbers = [-u.value if s else u.value for s, u in kept if isinstance(u, Number)]
    if len(numbers) == len(kept):
        return Number(sum(numbers))
    return Sum(tuple(kept))


def negative(u: Node) -> Node:
    """Minus u."""
    return add((True, u))


def multiply(*factors: tuple[bool, Node]) -> Node:
    """Product with its numbers as one in front, 0 where a factor is 0, and the sign outside."""
    kept: list[tuple[bool, Node]] = []
    number, is_negative = 1.0, False
    left = list(reversed(factors))
    while left:
        is_over, u = left.pop()
        if u == ZERO and not is_over:
            return ZERO
        if isinstance(u, Number) and u != ZERO:
            number = number / u.value if is_over else number * u.value
        elif isinstance(u, Sum) and len(u.terms) == 1:
            is_negative ^= u.terms[0][0]
            left.append((is_over, u.terms[0][1]))
        elif isinstance(u, Product):
            left += [(s != is_over, v) for s, v in reversed(u.factors)]
        else:
            kept.append((is_over, u))
    is_negative ^= number < 0
    if number not in (1.0, -1.0) or not kept or kept[0][0]:  # no product begins with a divisor
        kept.insert(0, (False, Number(abs(number))))
    product = kept[0][1] if len(kept) == 1 else Product(tuple(kept))
    return negative(product) if is_negative else product


def power(base: Node, exponent: Node) -> Node:
    """u^v without the exponents 0 and 1."""
    if exponent == ZERO:
        return ONE
    return base if exponent == ONE else Power(base, exponent)
