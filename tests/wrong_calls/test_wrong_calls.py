"""Wrong calls of every public function: one sentence each; right ones in any form: one answer."""

import inspect

import numpy as np
import pytest

import fokkerplanck as fp
from tests.wrong_calls.examples import ALIASES, ELSEWHERE, RESULTS, Example, examples
from tests.wrong_calls.spoiling import complaint, differs, other_forms, wrong_calls

ROOMS = ("energies", "jko", "observables", "plot", "rates", "sde", "sets", "sgd", "theorems", "zoo")
#: Rows below which something was taken out of the tables.
LEAST = 1000


def public_names():
    """Functions and classes of the front door and of the public rooms."""
    names = {name for name in fp.__all__ if callable(getattr(fp, name))}
    for room in ROOMS:
        module = getattr(fp, room)
        own = [
            k for k, v in vars(module).items() if getattr(v, "__module__", "") == module.__name__
        ]
        listed = getattr(module, "__all__", [k for k in own if not k.startswith("_")])
        names |= {f"{room}.{k}" for k in listed if callable(getattr(module, k))}
    return names


def test_every_public_name_has_an_example():
    known = {name.partition(" ")[0] for name in examples()} | ALIASES | RESULTS | ELSEWHERE
    assert public_names() <= known, sorted(public_names() - known)
    assert public_names() >= (ALIASES | RESULTS | ELSEWHERE)


def test_there_are_many_rows():
    assert sum(1 for row in examples().values() for _ in wrong_calls(row)) >= LEAST


@pytest.mark.parametrize("name", examples())
def test_wrong_calls(name):
    row = examples()[name]
    found = [
        f"{argument}={kind}: {words}"
        for argument, kind, bad, must in wrong_calls(row)
        if (words := complaint(row, argument, bad, must))
    ]
    assert not found, "\n".join(found)


@pytest.mark.parametrize("name", [name for name, row in examples().items() if row.is_quick])
def test_right_calls_in_other_forms(name):
    row = examples()[name]
    found = [
        f"{argument}, {form}: {words}"
        for argument, value in row.arguments.items()
        if isinstance(value, np.ndarray)
        for form, plain, other in other_forms(value)
        if (words := differs(row, argument, plain, other))
    ]
    assert not found, "\n".join(found)


def test_examples_give_what_the_signature_takes():
    for name, row in examples().items():
        try:
            inspect.signature(row.call).bind(**row.arguments)
        except TypeError as error:
            raise AssertionError(f"{name}: {error}") from None


def _careless(x):
    """Counterexample: a function that checks nothing."""
    return np.sum(np.linalg.inv(x))


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("nan", "is accepted"),
        ("complex", "is accepted"),
        ("empty", "comes from _linalg"),
        ("text", "comes from _linalg"),
    ],
)
def test_a_careless_function_is_found(kind, words):
    row = Example(_careless, {"x": np.eye(2) + 0.1})
    found = {k: complaint(row, name, bad, must) for name, k, bad, must in wrong_calls(row)}
    assert found[kind]
    assert words.lower() in found[kind].lower()
