"""Results back from their files and datasets."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fokkerplanck.domain import datasets, storage


def load(path: str | Path, problem: Any = None) -> Any:
    """Return the result stored in a file by its ``.save``, or by ``.to_xarray().to_netcdf``.

    Parameters
    ----------
    path : str or path
        A file is read by what is in it, not by its ending.
    problem : Problem, optional
        Of a Solution, which files keep without its functions: compared to the last bit with that
        of the run, it is ``solution.problem`` then.

    Returns
    -------
    Solution, SteadyState, Spectrum, ...
        Whatever was saved, array by array the same.

    Raises
    ------
    ValueError
        If the file was not written by this library, is damaged or changed, or comes from a newer
        version; if the problem is another.
    FileNotFoundError
        If there is no such file.
    ImportError
        Of netCDF files without xarray, an extra.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> import fokkerplanck as fp
    >>> grid = fp.Grid([(0, 1)], 8)
    >>> problem = fp.Problem(grid)
    >>> solution = fp.solve(problem, fp.uniform(grid), [0, 1])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = solution.save(pathlib.Path(folder) / "run.npz")
    ...     again, knowing = fp.load(path), fp.load(path, problem=problem)
    >>> again.status, knowing.problem is problem
    ('finished', True)
    """
    storage.check_is_file(path)
    if datasets.is_netcdf(Path(path)):
        found = _of_dataset(datasets.opened(Path(path)), str(path))
    else:
        found = storage.restored(*storage.read(path), path)
    return found if problem is None else found.knowing(problem, path)


def from_xarray(dataset: Any, problem: Any = None) -> Any:
    """Return the result that ``.to_xarray()`` made a dataset of, equal array by array.

    Parameters
    ----------
    dataset : xarray.Dataset
        As it was made, in whatever way it was stored meanwhile. Variables and attributes may have
        been added; what was changed, selected or renamed is refused, because it belongs to no
        result.
    problem : Problem, optional
        As in ``load``.

    Returns
    -------
    Solution, SteadyState, Spectrum, ...

    Raises
    ------
    ValueError
        If this is no such dataset, or not as it was made.
    ImportError
        Without xarray, an extra.

    Examples
    --------
    >>> import fokkerplanck as fp
    >>> grid = fp.Grid([(-2, 2)], 16)
    >>> state = fp.steady_state(fp.Problem(grid, f=lambda x: x**2))
    >>> again = fp.from_xarray(state.to_xarray())
    >>> bool((again.log_rho == state.log_rho).all()), again.stats.scheme
    (True, 'exact')
    """
    datasets.check_dataset(dataset)
    found = _of_dataset(dataset, "the dataset")
    return found if problem is None else found.knowing(problem, "the dataset")


def _of_dataset(data: Any, where: str) -> Any:
    """Result in a dataset."""
    try:
        parts = datasets.contents(data, where)
    except (TypeError, LookupError, AttributeError) as error:
        raise ValueError(
            f"{where} is damaged ({type(error).__name__}: {error}); give what .to_xarray() made"
        ) from error
    return storage.restored(*parts, where)
