"""Data sets shipped with the package."""

from importlib.resources import files
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["Iris", "load_iris", "problem_names"]


class Iris(NamedTuple):
    """Fisher's flowers: `measurements` (150, 4) in cm, `species` (150,), column `names` (4)."""

    measurements: NDArray[np.float64]
    species: NDArray[np.str_]
    names: tuple[str, ...]


def load_iris() -> Iris:
    """Fisher's iris data: 150 flowers, 4 lengths in cm, 3 species.

    Returns
    -------
    Iris
        ``measurements`` (150, 4): sepal length, sepal width, petal length, petal width, in cm;
        ``species`` (150,): "setosa", "versicolor", "virginica", 50 of each, in this order;
        ``names``: the column names.

    References
    ----------
    R. A. Fisher (1936), The use of multiple measurements in taxonomic problems, Annals of Eugenics
    7, 179-188, Table I.

    Examples
    --------
    >>> from fokkerplanck.data import load_iris
    >>> flowers = load_iris()
    >>> flowers.measurements.shape
    (150, 4)
    >>> flowers.names
    ('sepal_length', 'sepal_width', 'petal_length', 'petal_width')
    """
    header, *rows = _table("iris.csv")
    measurements = np.array([row[:4] for row in rows], dtype=float)
    species = np.array([row[4] for row in rows])
    measurements.flags.writeable = species.flags.writeable = False
    return Iris(measurements, species, tuple(header[:4]))


def problem_names() -> dict[str, str]:
    """Codes and constructors of the reference problems, without making these, which takes seconds.

    Returns
    -------
    dict of str to str

    Examples
    --------
    >>> from fokkerplanck.data import problem_names
    >>> problem_names()["R2"]
    'gyrator'
    """
    return {row[0]: row[1] for row in _table("problems.csv")[1:]}


def _table(name: str) -> list[list[str]]:
    """Rows of a table, the header first."""
    text = files("fokkerplanck.data").joinpath(name).read_text(encoding="utf-8")
    return [line.split(",") for line in text.splitlines() if line and not line.startswith("#")]
