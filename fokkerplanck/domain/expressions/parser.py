"""Text to trees by recursive descent, with the line and column of every mistake.

sum = ["-"] term {("+" | "-") term};  term = factor {("*" | "/") factor};
factor = "-" factor | power;  power = atom ["^" factor];
atom = number | name | function "(" sum {"," sum} ")" | "(" sum ")"
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection
from typing import NamedTuple

import numpy as np

from fokkerplanck.domain.arguments import describe
from fokkerplanck.domain.expressions.tree import (
    CONSTANTS,
    FUNCTIONS,
    Call,
    Name,
    Node,
    Number,
    Power,
    Product,
    Sum,
)

#: Longest text and deepest nesting of brackets, functions, signs and powers that are read.
LONGEST, DEEPEST = 10_000, 40
_TOKEN = re.compile(
    r"(?P<number>(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)"
    r"|(?P<name>[A-Za-z_][A-Za-z_0-9]*)|(?P<mark>\*\*|[-+*/^(),])"
)
#: What people write for what is meant.
_MEANT = {
    **{"**": "^ for powers", "[": "( )", "]": "( )", "{": "( )", "}": "( )", "²": "^2", "³": "^3"},
    **{"×": "*", "·": "*", "÷": "/", "−": "-", "π": "pi", "√": "sqrt( )", ";": ",", "=": "a value"},
    **dict.fromkeys(("<", ">", "!", "&", "|"), "min, max, abs or sign; there are no comparisons"),
}


class ExpressionError(ValueError):
    """What is wrong with a formula, and where: ``line`` and ``column`` count from 1."""

    def __init__(self, reason: str, line: int = 1, column: int = 1) -> None:
        super().__init__(f"line {line}, column {column}: {reason}")
        self.reason, self.line, self.column = reason, line, column

    def __reduce__(self) -> tuple:
        return type(self), (self.reason, self.line, self.column)


class _Token(NamedTuple):
    """Kind (number, name, mark or end), text, and place in the whole text."""

    kind: str
    text: str
    start: int


def parse(text: str, names: Collection[str] = ("x", "y", "z", "t")) -> Node:
    """Tree of a formula.

    Numbers, names, ``pi``, ``e``, ``+ - * / ^`` (``2^3^2`` is ``2^(3^2)``, ``-x^2`` is
    ``-(x^2)``), brackets, and exp log sqrt sin cos tan sinh cosh tanh atan atan2 abs sign min max
    hypot. Nothing else: no comparisons, no Python.

    Parameters
    ----------
    text : str
    names : sequence of str
        Coordinates and parameters that the formula may use.

    Returns
    -------
    Number, Name, Sum, Product, Power or Call

    Raises
    ------
    ExpressionError
        A ValueError that knows its ``line`` and ``column``.

    Examples
    --------
    >>> from fokkerplanck.domain.expressions import parse
    >>> parse("2*x")
    Product(factors=((False, Number(value=2.0)), (False, Name(name='x'))))
    >>> parse("sinn(x)")
    Traceback (most recent call last):
    ...
    fokkerplanck.domain.expressions.parser.ExpressionError: line 1, column 1: there is no ...
    """
    if not isinstance(text, str):
        raise ExpressionError(f"a formula is {describe(text)}; give text such as 'x^2/2'")
    if len(text) > LONGEST:
        raise ExpressionError(
            f"the formula has {len(text)} characters; give {LONGEST} at most, or a Python function"
        )
    return _Parser(text, names).whole()


class _Parser:
    """One walk through a text, token by token."""

    def __init__(self, text: str, names: Collection[str]) -> None:
        self.text, self.names = text, names
        self.depth, self.place = 0, 0
        self.tokens = self._tokens()

    def _tokens(self) -> list[_Token]:
        """All tokens, and one that says that the text ends."""
        tokens, at = [], 0
        while at < len(self.text):
            if self.text[at] in " \t\r\n":
                at += 1
                continue
            found = _TOKEN.match(self.text, at)
            if not found or found[0] == "**":
                given = found[0] if found else self.text[at]
                meant = f"write {_MEANT[given]}" if given in _MEANT else "leave it out"
                raise self._error(f"{given!r} is not understood; {meant}", at)
            tokens.append(_Token(str(found.lastgroup), found[0], at))
            at = found.end()
        return [*tokens, _Token("end", "", len(self.text))]

    def _error(self, reason: str, at: int) -> ExpressionError:
        """Error at a place of the text."""
        line = self.text.count("\n", 0, at) + 1
        return ExpressionError(reason, line, at - self.text.rfind("\n", 0, at))

    @property
    def next(self) -> _Token:
        """Token that comes."""
        return self.tokens[self.place]

    def _take(self, *marks: str) -> str:
        """Next mark if it is one of these, and go on; else nothing."""
        token = self.next
        if token.kind == "mark" and token.text in marks:
            self.place += 1
            return token.text
        return ""

    def whole(self) -> Node:
        """Tree of all of the text."""
        if self.next.kind == "end":
            raise self._error("the formula is empty; give one such as x^2/2", 0)
        node = self._sum()
        if self.next.kind != "end":
            raise self._trailing()
        return node

    def _trailing(self) -> ExpressionError:
        """What follows a whole formula."""
        text, at = self.next.text, self.next.start
        if text == ")":
            return self._error("this bracket closes none; leave it out or open one before", at)
        if text == ",":
            return self._error("a comma stands outside of a function; leave it out", at)
        before = self.tokens[self.place - 1].text
        return self._error(f"{text!r} follows {before!r}; write an operator, * for example", at)

    def _sum(self) -> Node:
        """Terms."""
        terms = [(bool(self._take("-")), self._term())]
        while sign := self._take("+", "-"):
            terms.append((sign == "-", self._term()))
        first = terms[0]
        if len(terms) == 1 and not first[0]:
            return first[1]
        if isinstance(first[1], Sum) and not first[0]:  # (a + b) + c is a + b + c
            terms[:1] = first[1].terms
        return Sum(tuple(terms))

    def _term(self) -> Node:
        """Factors."""
        factors = [(False, self._factor())]
        while sign := self._take("*", "/"):
            factors.append((sign == "/", self._factor()))
        if len(factors) == 1:
            return factors[0][1]
        if isinstance(factors[0][1], Product):
            factors[:1] = factors[0][1].factors
        return Product(tuple(factors))

    def _factor(self) -> Node:
        """Power, with signs before it."""
        is_minus = False
        while self._take("-"):
            is_minus = not is_minus
        base: Node = self._atom()
        if self._take("^"):
            with _Deeper(self):
                base = Power(base, self._factor())
        return Sum(((True, base),)) if is_minus else base

    def _atom(self) -> Node:
        """Number, name, function or brackets."""
        token = self.next
        self.place += 1
        if token.kind == "number":
            value = float(token.text)
            if not np.isfinite(value):
                raise self._error(f"{token.text:.20} is beyond floating point", token.start)
            return Number(value)
        if token.kind == "name":
            return self._called(token) if self.next.text == "(" else self._named(token)
        if token.text == "(":
            with _Deeper(self):
                node = self._sum()
            self._close(token)
            return node
        what = f"{token.text!r} stands" if token.text else "the formula ends"
        raise self._error(f"{what} where a number, a name or ( is expected", token.start)

    def _close(self, opened: _Token) -> None:
        """Closing bracket of an opened one."""
        if self._take(")"):
            return
        if self.next.kind == "end":
            raise self._error("this bracket is never closed; write ) where it ends", opened.start)
        raise self._trailing()

    def _named(self, token: _Token) -> Node:
        """Coordinate, parameter or constant."""
        word = token.text
        if word in self.names or word in CONSTANTS:
            return Name(word)
        if word in FUNCTIONS:
            raise self._error(f"{word} is a function; write {word}(...)", token.start)
        raise self._error(self._unknown("name", word, [*self.names, *CONSTANTS]), token.start)

    def _unknown(self, kind: str, word: str, known: Collection[str]) -> str:
        """Message for a word that means nothing, with what it may have been."""
        near = difflib.get_close_matches(word.lower(), [*known, *FUNCTIONS], 1, 0.5)
        if len(word) == 1:  # near to whatever begins with it
            near = []
        hint = f"did you mean {near[0]}?" if near else f"choose from {', '.join(known)}"
        return f"there is no {kind} {word:.40}; {hint}"

    def _called(self, token: _Token) -> Node:
        """Function of arguments."""
        word, opened = token.text, self.next
        if word not in FUNCTIONS:
            if word in self.names or word in CONSTANTS:
                raise self._error(f"{word} is no function; write {word}*(...)", token.start)
            raise self._error(self._unknown("function", word, FUNCTIONS), token.start)
        self.place += 1
        arguments: list[Node] = []
        with _Deeper(self):
            if self.next.text != ")":
                arguments.append(self._sum())
                while self._take(","):
                    arguments.append(self._sum())
        self._close(opened)
        wanted = FUNCTIONS[word][1]
        if len(arguments) != wanted if wanted else len(arguments) < 2:
            count = f"{wanted}" if wanted else "two or more"
            raise self._error(
                f"{word} takes {count} argument{'s' * (wanted != 1)}, not {len(arguments)}",
                token.start,
            )
        return Call(word, tuple(arguments))


class _Deeper:
    """One level of nesting; too many are refused before Python runs out of stack."""

    def __init__(self, parser: _Parser) -> None:
        self.parser = parser

    def __enter__(self) -> None:
        self.parser.depth += 1
        if self.parser.depth > DEEPEST:
            at = self.parser.tokens[self.parser.place - 1].start
            raise self.parser._error(f"nested more than {DEEPEST} deep; write it flatter", at)

    def __exit__(self, *_: object) -> None:
        self.parser.depth -= 1
