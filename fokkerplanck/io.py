"""Reading what ``.save`` wrote."""

from __future__ import annotations

from fokkerplanck import storage
from fokkerplanck.solution import Solution

#: Classes that can be stored, by the kind written into their files.
KINDS = {"Solution": Solution.from_storage}


def load(path):
    """Return the result stored in a file by its ``.save``.

    Parameters
    ----------
    path : str or path

    Returns
    -------
    Solution
        Or whichever result was saved.

    Raises
    ------
    ValueError
        If the file was not written by this library, is damaged, or comes from a newer version.
    FileNotFoundError
        If there is no such file.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> import fokkerplanck as fp
    >>> grid = fp.Grid([(0, 1)], 8)
    >>> solution = fp.solve(fp.Problem(grid), fp.uniform(grid), [0, 1])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     fp.load(solution.save(pathlib.Path(folder) / "run.npz")).status
    'finished'
    """
    kind, arrays, metadata = storage.read(path)
    if kind not in KINDS:
        raise ValueError(f"{path} holds a {kind}, which this version of fokkerplanck cannot read")
    return KINDS[kind](arrays, metadata)
