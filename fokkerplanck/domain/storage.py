"""Results in one .npz file: written whole or not at all, read without running any code."""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import ArrayLike

from fokkerplanck.domain.arguments import describe
from fokkerplanck.domain.grid import Grid
from fokkerplanck.domain.types import Array
from fokkerplanck.domain.whole_files import file_path, written_whole
from fokkerplanck.version import __version__

#: Version of the layout; raised whenever an older reader would misread a file.
SCHEMA = 2
_HEADER = "fokkerplanck"
#: Classes that can be read, by the kind written into their files, and their modules:
#: ``restored`` makes results by ``from_storage`` of the class.
HOMES = {
    "Backward": "fokkerplanck.rates.backward_equation",
    "Committor": "fokkerplanck.rates.transition_paths",
    "ExitProbabilities": "fokkerplanck.rates.exits",
    "PassageTimes": "fokkerplanck.rates.passage",
    "Paths": "fokkerplanck.sde.simulation",
    "QuasiStationary": "fokkerplanck.modes.slowest_mode",
    "Solution": "fokkerplanck.evolution.solution",
    "Spectrum": "fokkerplanck.modes.eigenmodes",
    "SteadyState": "fokkerplanck.steady.state",
    "Sweep": "fokkerplanck.studies.sweep_result",
    "Swarm": "fokkerplanck.sgd.swarm",
    "Transport": "fokkerplanck.transport.distance",
    "Verdict": "fokkerplanck.theorems.verdict",
    "Verdicts": "fokkerplanck.theorems.verdict",
}


def restored(kind: str, arrays: Mapping[str, Any], metadata: Mapping[str, Any], where: Any) -> Any:
    """Result of a kind from what was stored; `where` it came from is for messages."""
    if kind not in HOMES:
        raise ValueError(f"{where} holds a {kind}, which this version of fokkerplanck cannot read")
    try:
        return getattr(import_module(HOMES[kind]), kind).from_storage(arrays, metadata)
    except (ValueError, TypeError, LookupError, OverflowError) as error:
        what = f"{error.args[0]!r} is missing" if isinstance(error, KeyError) else str(error)
        raise ValueError(f"{where} is damaged: {what}; give what .save wrote") from error


def write(
    path: str | Path, kind: str, arrays: Mapping[str, ArrayLike], metadata: Mapping[str, Any]
) -> Path:
    """Write arrays and metadata to path, through a temporary file that takes its name at the end.

    Parameters
    ----------
    path : str or path
        Taken as it is; ``.npz`` is the usual ending. An older file is replaced by a whole new one,
        through a link if need be.
    kind : str
        What is stored, e.g. ``"Solution"``.
    arrays : dict of arrays
        Of numbers; nothing is pickled.
    metadata : dict
        Whatever JSON holds, and numpy scalars.

    Returns
    -------
    Path

    Examples
    --------
    >>> import tempfile, pathlib
    >>> import numpy as np
    >>> from fokkerplanck.domain import storage
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder) / "a.npz"
    ...     storage.read(storage.write(path, "Test", {"x": np.arange(3)}, {"n": 3}))
    ('Test', {'x': array([0, 1, 2])}, {'n': 3})
    """
    path = file_path(path)
    if not path.parent.is_dir():
        raise FileNotFoundError(f"path is {str(path)!r}, in a folder that is not there; make it")
    with written_whole(path) as temporary, temporary.open("wb") as file:
        put(file, kind, arrays, metadata)
    return path


def check_is_file(path: Any) -> None:
    """ValueError for what is no name of a file."""
    if not isinstance(path, (str, Path)):
        raise ValueError(f'path is {describe(path)}; give the name of a file such as "run.npz"')
    if Path(path).exists() and not Path(path).is_file():
        raise ValueError(f"{path} is a folder, a pipe or a device; give a file that .save wrote")


def put(
    file: BinaryIO, kind: str, arrays: Mapping[str, ArrayLike], metadata: Mapping[str, Any]
) -> None:
    """Write arrays and metadata into an open file."""
    header = {"schema": SCHEMA, "kind": kind, "version": __version__, "metadata": metadata}
    if _HEADER in arrays:
        raise ValueError(f"an array may not be named {_HEADER!r}; give it another name")
    content: dict[str, Any] = {_HEADER: np.array(json.dumps(header, default=_plain)), **arrays}
    np.savez(file, **content)


def read(path: str | Path) -> tuple[str, dict[str, np.ndarray], dict[str, Any]]:
    """Kind, arrays and metadata of a file that ``write`` wrote.

    Parameters
    ----------
    path : str or path

    Returns
    -------
    kind : str
    arrays : dict
    metadata : dict

    Raises
    ------
    ValueError
        If the file is not one of ours, is damaged, or comes from a newer version.
    FileNotFoundError
        If there is no such file.
    """
    check_is_file(path)
    with Path(path).open("rb") as file:
        return got(file, path)


def got(file: BinaryIO, where: Any) -> tuple[str, dict[str, np.ndarray], dict[str, Any]]:
    """Kind, arrays and metadata out of an open file; `where` it is, is for messages."""
    try:
        with np.load(file, allow_pickle=False) as stored:
            content = {name: stored[name] for name in stored.files}
        header = json.loads(str(content.pop(_HEADER)[()]))
        schema = int(header["schema"])
        kind, metadata = header["kind"], header["metadata"]
        if not (isinstance(kind, str) and isinstance(metadata, dict) and schema > 0):
            raise TypeError("header")
    except Exception as error:
        raise ValueError(
            f"{where} is not a file written by fokkerplanck, or is damaged "
            f"({type(error).__name__}); give what .save wrote"
        ) from error
    if schema > SCHEMA:
        raise ValueError(
            f"{where} was written by fokkerplanck {header.get('version')} (schema {schema}, this "
            f"one reads up to {SCHEMA}); update fokkerplanck"
        )
    return kind, content, metadata


def stored_array(
    arrays: Mapping[str, Array], name: str, shape: tuple[int | None, ...], is_finite: bool = True
) -> Array:
    """Array of real numbers from a file, of a shape (None: any length), finite where it must be.

    Examples
    --------
    >>> import numpy as np
    >>> from fokkerplanck.domain.storage import stored_array
    >>> stored_array({"t": np.arange(3)}, "t", (None,))
    array([0., 1., 2.])
    """
    array = arrays[name]
    if array.dtype.kind not in "iuf":
        raise ValueError(f"{name} holds {describe(array)}, not real numbers")
    if array.ndim != len(shape) or any(
        n not in (None, m) for n, m in zip(shape, array.shape, strict=True)
    ):
        expected = ", ".join("any" if n is None else str(n) for n in shape)
        raise ValueError(f"{name} has shape {array.shape}, expected ({expected})")
    if is_finite and not np.isfinite(array).all():
        raise ValueError(f"{name} has entries that are not finite")
    return array.astype(float, copy=False)


def pack_grid(grid: Grid) -> tuple[dict[str, Array], dict[str, Any]]:
    """Arrays and metadata from which ``unpack_grid`` makes the same grid."""
    arrays = {f"faces_{k}": faces for k, faces in enumerate(grid.faces)}
    return arrays, {
        "shape": list(grid.shape),
        "box": [list(pair) for pair in grid.box],
        "sides": [list(pair) for pair in grid.sides],
        "graded": list(grid.graded),
    }


def unpack_grid(arrays: Mapping[str, Array], metadata: Mapping[str, Any]) -> Grid:
    """Grid from what ``pack_grid`` returned.

    Examples
    --------
    >>> import fokkerplanck as fp
    >>> from fokkerplanck.domain import storage
    >>> storage.unpack_grid(*storage.pack_grid(fp.Grid([(0, 1)], 4, sides="periodic")))
    Grid([(0, 1)], shape=(4,), sides='periodic')
    """
    axes = [
        arrays[f"faces_{k}"] if graded else tuple(pair)
        for k, (graded, pair) in enumerate(zip(metadata["graded"], metadata["box"], strict=True))
    ]
    return Grid(axes, tuple(metadata["shape"]), [tuple(pair) for pair in metadata["sides"]])


def _plain(value: object) -> Any:
    """Python number or list for JSON."""
    if isinstance(value, (np.generic, np.ndarray)):
        return value.tolist()
    raise TypeError(f"{type(value).__name__} cannot be saved as metadata")
