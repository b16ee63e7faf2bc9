"""Datasets, and netCDF files of them, that hold all of a result.

What the labelled arrays of a dataset do not show of a result lies beside them, in bytes that are
laid out as a file of ``.save``; checksums tell whether somebody has changed what is shown.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from fokkerplanck.domain import storage
from fokkerplanck.domain.arguments import describe
from fokkerplanck.domain.labelled import xarray_for

#: Coordinate that holds what the other variables do not show, and its axis.
PACKED, BYTE = "fokkerplanck_packed", "fokkerplanck_byte"
#: Attribute that says why a dataset does not hold all of its result.
LACKING = "fokkerplanck_lacks"
#: How the two kinds of netCDF files begin.
MAGIC = (b"\x89HDF\r\n\x1a\n", b"CDF\x01", b"CDF\x02", b"CDF\x05")


def attach(
    data: Any, kind: str, arrays: Mapping[str, np.ndarray], metadata: Mapping[str, Any]
) -> Any:
    """Dataset with all else that a result of a kind is made of."""
    variables = {name: _seal(data[name]) for name in data.variables if _is_plain(data[name])}
    by_digest = {seal["digest"]: name for name, seal in variables.items()}
    shown, rest = {}, {}
    for name, value in arrays.items():
        array = np.asarray(value)
        variable = by_digest.get(_digest(array)) if array.size else None
        if variable is None:
            rest[name] = array
        else:
            shown[name] = {"in": variable, "dtype": array.dtype.str, "shape": array.shape}
    numbers = {k: v for k, v in data.attrs.items() if isinstance(v, (int, float))}
    more = {"metadata": metadata, "shown": shown, "variables": variables, "numbers": numbers}
    with io.BytesIO() as file:
        storage.put(file, kind, rest, more)
        packed = np.frombuffer(file.getvalue(), np.int8)  # the one kind of byte of netCDF 3
    words = {"long_name": "what the rest does not show of the result; for fokkerplanck.load"}
    return data.assign_coords({PACKED: (BYTE, packed, words)})


def contents(data: Any, where: str) -> tuple[str, dict[str, np.ndarray], dict[str, Any]]:
    """Kind, arrays and metadata that ``attach`` put into a dataset.

    Raises
    ------
    ValueError
        If it has none, or if what it shows is not what was put there.
    """
    if PACKED not in data.variables:
        why = data.attrs.get(LACKING, f"it has no variable {PACKED!r}")
        raise ValueError(
            f"{where} does not hold a whole result of fokkerplanck: {why}; give what .to_xarray() "
            "of a result made, or what .save wrote"
        )
    kind, arrays, more = storage.got(io.BytesIO(_bytes(data[PACKED].values, where)), where)
    lacking = [name for name in ("metadata", "shown", "variables", "numbers") if name not in more]
    if lacking:
        raise ValueError(f"{where} is damaged: {lacking[0]} is missing; give what .save wrote")
    values = {
        name: _unchanged(data[name], seal, where)
        for name, seal in more["variables"].items()
        if name in data.variables
    }
    for name, number in more["numbers"].items():
        given = data.attrs.get(name, number)
        if not _is_same(given, number):
            _refuse(f"the attribute {name}", where)
    for name, entry in more["shown"].items():
        if entry["in"] not in values:
            raise ValueError(
                f"{where} lacks {entry['in']!r}, a part of its {kind}; give the dataset as "
                ".to_xarray() made it"
            )
        flat = np.frombuffer(values[entry["in"]].tobytes(), entry["dtype"])
        arrays[name] = flat.reshape(entry["shape"])
    return kind, arrays, more["metadata"]


def is_netcdf(path: Path) -> bool:
    """Whether a file begins as netCDF files do."""
    with path.open("rb") as file:
        return file.read(8).startswith(MAGIC)


def opened(path: Path) -> Any:
    """Dataset of a netCDF file, in memory."""
    xarray = xarray_for(f"load of the netCDF file {path}")
    try:
        return xarray.load_dataset(path)
    except Exception as error:
        if "ependencies may not be installed" in str(error):
            raise ImportError(
                f"load of the netCDF file {path} needs a package that reads such files; pip "
                "install 'fokkerplanck-grid[xarray]'"
            ) from error
        raise ValueError(
            f"{path} begins as a netCDF file and cannot be read as one "
            f"({type(error).__name__}), it may be damaged; write it again by .to_netcdf()"
        ) from error


def check_dataset(data: Any) -> None:
    """ValueError for what is no Dataset of xarray."""
    if not isinstance(data, xarray_for("from_xarray").Dataset):
        raise ValueError(
            f"dataset is {describe(data)}; give an xarray.Dataset that .to_xarray() made, or the "
            "name of a file to load"
        )


def _is_plain(variable: Any) -> bool:
    """Whether a variable holds numbers or flags, which files give back to the last bit."""
    return variable.dtype.kind in "biuf"


def _seal(variable: Any) -> dict[str, Any]:
    """What a variable has to be."""
    return {
        "dims": list(variable.dims),
        "dtype": variable.dtype.str,
        "digest": _digest(variable.values),
    }


def _digest(array: np.ndarray) -> str:
    """Checksum of the bytes of an array."""
    return hashlib.sha256(np.ascontiguousarray(array).data if array.size else b"").hexdigest()


def _unchanged(variable: Any, seal: Mapping[str, Any], where: str) -> np.ndarray:
    """Values of a variable, with the axes and the type it had, if they are the same."""
    if set(variable.dims) != set(seal["dims"]) or not _is_plain(variable):
        _refuse(variable.name, where)
    found: np.ndarray = variable.transpose(*seal["dims"]).values
    values = found.astype(seal["dtype"])  # netCDF 3 has no whole numbers of 64 bits, and no flags
    if _digest(values) != seal["digest"]:
        _refuse(variable.name, where)
    return values


def _is_same(given: Any, number: float) -> bool:
    """Whether an attribute is the number that it was."""
    array = np.asarray(given)
    is_number = array.dtype.kind in "biuf" and array.size == 1
    return is_number and np.array_equal(array.ravel(), [number], equal_nan=True)


def _refuse(what: str, where: str) -> None:
    """ValueError of a dataset that was worked on."""
    raise ValueError(
        f"{where} has been changed: {what} is not what .to_xarray() gave; give the dataset as it "
        "was made, or work with its arrays"
    )


def _bytes(values: np.ndarray, where: str) -> bytes:
    """Bytes of the packed variable."""
    if values.ndim != 1 or values.dtype.kind not in "iu" or values.dtype.itemsize > 1:
        raise ValueError(
            f"{where} is damaged: {PACKED} is {describe(values)} of shape {values.shape}, not a "
            "row of bytes; give the dataset as .to_xarray() made it"
        )
    return values.tobytes()
