"""Every constructor of the zoo refuses numbers that mean nothing, by name."""

import inspect

import numpy as np
import pytest

from fokkerplanck import zoo

SKIPPED = {"steps", "seed", "n_weights", "n_patterns"}  # integers with checks of their own


def cases():
    """(constructor, parameter, value) for every number with a default."""
    for name in zoo.__all__:
        constructor = getattr(zoo, name)
        if not inspect.isfunction(constructor):
            continue
        parameters = inspect.signature(constructor).parameters.values()
        if any(p.default is p.empty for p in parameters):
            continue
        for parameter in parameters:
            default = parameter.default
            if isinstance(default, (int, float)) and not isinstance(default, bool):
                bad = [-1.0, 0.0, np.nan] if parameter.name == "kT" else [np.nan]
                if parameter.name not in SKIPPED:
                    yield from ((constructor, parameter.name, value) for value in bad)


@pytest.mark.parametrize(
    ("constructor", "name", "value"), list(cases()), ids=lambda v: getattr(v, "__name__", str(v))
)
def test_numbers_are_refused_by_name(constructor, name, value):
    with pytest.raises(ValueError, match=f"{name} (is|=) .*(give|choose)"):
        constructor(**{name: value})


def test_there_are_cases():
    assert len(list(cases())) > 100


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: zoo.sgd_increments(eta=5.0), "grows by .* at eta = 5.0; take eta smaller"),
        (lambda: zoo.sgd_increments("ball"), "model is 'ball'; choose from"),
        (
            lambda: zoo.heavy_ball(np.eye(2), np.eye(3), 0.1, 0.9),
            r"H is \(2, 2\) and D is \(3, 3\)",
        ),
        (lambda: zoo.heavy_ball(np.ones((2, 3)), np.eye(2), 0.1, 0.9), r"H has shape \(2, 3\)"),
        (lambda: zoo.heavy_ball(np.eye(2) * np.nan, np.eye(2), 0.1, 0.9), "H .* finite matrix"),
        (lambda: zoo.heavy_ball_covariance(np.eye(2), np.eye(2), 5.0, 0.9), "take eta smaller"),
        (lambda: zoo.increment_psd(np.eye(2), "C", 0.1), "C"),
    ],
)
def test_spectra_refuse_with_a_reason(call, words):
    with pytest.raises(ValueError, match=words):
        call()
