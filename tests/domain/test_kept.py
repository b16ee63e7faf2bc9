"""Results that hang on a pattern alone are kept, and never for another one."""

import numpy as np
import pytest

from fokkerplanck.domain.kept import Kept, forget_all


def test_a_result_is_made_once_and_for_its_key_alone():
    """Keys of the same entries in other arrays are the same; any other entry or length is not."""
    store, made = Kept(most=3, most_numbers=100), []

    def ask(*key):
        return store.of(tuple(map(np.array, key)), lambda: made.append(key) or len(made))

    assert [ask([1, 2], [3]), ask([1, 2], [3])] == [1, 1]
    assert [ask([1, 2], [4]), ask([1], [2, 3]), ask([1, 2], [3])] == [2, 3, 1]
    assert len(made) == 3


def test_the_one_asked_for_last_is_forgotten_last():
    """With two places: a, b, a again, c; then b is gone and a is there."""
    store, made = Kept(most=2, most_numbers=100), []

    def ask(number):
        return store.of((np.array([number]),), lambda: made.append(number) or number)

    assert [ask(k) for k in (1, 2, 1, 3, 1, 2)] == [1, 2, 1, 3, 1, 2]
    assert made == [1, 2, 3, 2]


@pytest.mark.parametrize("size", [3, 4])
def test_large_keys_are_not_kept(size):
    store = Kept(most=2, most_numbers=3)
    ask = [store.of((np.arange(size),), object) for _ in range(2)]
    assert (ask[0] is ask[1]) == (size <= 3)


def test_a_key_that_is_written_to_later_is_another_one():
    store, key = Kept(most=2, most_numbers=9), np.array([1, 2])
    assert store.of((key,), lambda: "first") == "first"
    key[0] = 5
    assert store.of((key,), lambda: "second") == "second"
    assert store.of((np.array([1, 2]),), lambda: "third") == "first"


def test_all_stores_are_emptied():
    store = Kept(most=2, most_numbers=9)
    store.of((np.arange(3),), lambda: 1)
    forget_all()
    assert store.of((np.arange(3),), lambda: 2) == 2
