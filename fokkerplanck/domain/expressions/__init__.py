"""Formulas in text: a small grammar of our own, exact derivatives, fields on a grid."""

from fokkerplanck.domain.expressions.formula import Formula
from fokkerplanck.domain.expressions.parser import ExpressionError, parse
from fokkerplanck.domain.expressions.slopes import differentiate
from fokkerplanck.domain.expressions.tree import bound, names_in, printed, valued

__all__ = [
    "ExpressionError",
    "Formula",
    "bound",
    "differentiate",
    "names_in",
    "parse",
    "printed",
    "valued",
]
