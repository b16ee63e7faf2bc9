"""Results as arrays and plain values: what a file holds, and back, without running any code of it.

A result is a frozen record of numbers, words, arrays, grids and further records. Only classes that
are listed here come back, each from the module it is named with.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Self

import numpy as np

from fokkerplanck.domain import datasets, storage
from fokkerplanck.domain.arguments import describe, frozen
from fokkerplanck.domain.grid import Grid, Side
from fokkerplanck.domain.labelled import dataset
from fokkerplanck.domain.portable import Portable
from fokkerplanck.domain.read_only import ReadOnly

#: Arrays and metadata of a result, as `storage.write` takes them.
Stored = tuple[dict[str, np.ndarray], dict[str, Any]]
#: Parts of results, by name, and their modules; those that have a file each: `storage.HOMES`.
PARTS = {
    "Comparison": "fokkerplanck.theorems.verdict",
    "ErrorReport": "fokkerplanck.domain.observed_order",
    "Dense": "fokkerplanck.evolution.dense",
    "EdgeCurrents": "fokkerplanck.scheme.currents",
    "JoinedCurrents": "fokkerplanck.steady.face_chain",
    "SmoothCurrents": "fokkerplanck.scheme.fourth_order",
    "Hypothesis": "fokkerplanck.theorems.verdict",
    "LabelledEdges": "fokkerplanck.rates.transition_paths",
    "LineTransport": "fokkerplanck.transport.one_dimension",
    "Plan": "fokkerplanck.transport.linear_program",
    "SpectrumStats": "fokkerplanck.modes.eigenmodes",
    "SteadyStats": "fokkerplanck.steady.state",
}
#: Fields that hold functions, to ask again: without them a result has no coarser ones beside it.
QUESTIONS = ("_asked", "_again")
#: What was found by asking again, and is kept.
ANSWERS = ("error_report",)
#: What annotations of fields ask for; others, of further records, say it by their own fields.
KINDS: dict[str, Any] = {
    "Array": np.ndarray,
    "Integers": np.ndarray,
    "Flags": np.ndarray,
    "RealOrComplex": np.ndarray,
    "ndarray": np.ndarray,
    "float": (float, int),
    "int": int,
    "bool": bool,
    "str": str,
    "Grid": Grid,
    "dict": Mapping,
    "Mapping": Mapping,
    "RunStats": Mapping,
    "tuple": tuple,
    "None": type(None),
}


class Saved(Portable):
    """A result that can be written to a file: a dataclass whose fields say all that there is."""

    def save(self, path: str | Path) -> Path:
        """Write everything to one ``.npz`` file, whole or not at all; ``load`` reads it.

        Functions are left out, so that what comes back cannot ask its problem again: an error
        estimate that was looked at before is kept, others are nan.

        Parameters
        ----------
        path : str or path
            Taken as it is.

        Returns
        -------
        Path

        Examples
        --------
        >>> import tempfile, pathlib
        >>> import fokkerplanck as fp
        >>> grid = fp.Grid([(-2, 2)], 32)
        >>> modes = fp.spectrum(fp.Problem(grid, f=lambda x: x**2 / 2), 3)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     again = fp.load(modes.save(pathlib.Path(folder) / "modes.npz"))
        >>> bool((again.eigenvalues == modes.eigenvalues).all())
        True
        """
        return storage.write(path, type(self).__name__, *self._stored())

    def _stored(self) -> Stored:
        """Arrays and metadata that ``from_storage`` makes the result of again."""
        arrays: dict[str, np.ndarray] = {}
        tree = packed_fields(self, arrays) | {"cached": packed(self._known(), arrays, "cached")}
        return arrays, sealed(tree, arrays)

    @classmethod
    def from_storage(cls, arrays: Mapping[str, Any], metadata: Mapping[str, Any]) -> Self:
        """Result from what ``save`` stored."""
        tree = unsealed(arrays, metadata)
        known = unpacked(tree.pop("cached"), arrays)
        result: Self = made(cls, tree, arrays)
        vars(result).update(known)
        return result

    def to_xarray(self) -> Any:
        """``xarray.Dataset`` of everything that lies on the grid, on times or on modes.

        Axes are called x, y, z, t, mode, component, particle; the coordinates are cell centres,
        without units, and ``width_x``, ... beside them; complex numbers have one axis more, "part".
        Attributes say what it is, of which problem, and how exact. Selecting, plotting, and
        ``to_netcdf`` are xarray's. What the arrays do not show is packed into one more coordinate:
        ``from_xarray`` makes the result again of the dataset, and ``load`` of its file.

        Raises
        ------
        ImportError
            Without xarray, an extra: ``pip install 'fokkerplanck-grid[xarray]'``.

        Examples
        --------
        >>> import fokkerplanck as fp
        >>> grid = fp.Grid([(-2, 2), (-2, 2)], 8)
        >>> state = fp.steady_state(fp.Problem(grid, f=lambda x, y: x**2 + y**2))
        >>> data = state.to_xarray()
        >>> data.rho.dims, data.J.dims
        (('x', 'y'), ('component', 'x', 'y'))
        """
        data = self._labelled()
        try:
            arrays, metadata = self._stored()
        except ValueError as error:
            return data.assign_attrs({datasets.LACKING: str(error)})
        return datasets.attach(data, type(self).__name__, arrays, metadata)

    def _labelled(self) -> Any:
        """Dataset of what can be shown."""
        return dataset(self)

    def knowing(self, problem: Any, where: Any) -> Self:
        """Return the result with the problem that it was found for; only Solutions keep one."""
        raise ValueError(
            f"problem is {describe(problem)}, and {where} holds a {type(self).__name__}, which has "
            "nothing to compare it with; leave problem out"
        )

    def _known(self) -> dict[str, Any]:
        """Cached values that are kept, by name."""
        return {name: value for name, value in vars(self).items() if name in ANSWERS}


def sealed(tree: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """Metadata with a fingerprint of the tree and the arrays."""
    return {"tree": tree, "fingerprint": _fingerprint(tree, arrays)}


def unsealed(arrays: Mapping[str, Any], metadata: Mapping[str, Any]) -> dict[str, Any]:
    """Tree of a file, if its content is what was written."""
    tree = metadata["tree"]
    if metadata["fingerprint"] != _fingerprint(tree, arrays):
        raise ValueError("its content is not what was written")
    return dict(tree)


def _fingerprint(tree: Any, arrays: Mapping[str, np.ndarray]) -> str:
    """SHA-256 of a tree and of arrays."""
    digest = hashlib.sha256(json.dumps(tree, sort_keys=True).encode())
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name])
        digest.update(f"{name} {array.dtype.str} {array.shape}".encode())
        digest.update(array.data if array.size else b"")
    return digest.hexdigest()


def packed_fields(record: Any, arrays: dict[str, np.ndarray], prefix: str = "") -> dict[str, Any]:
    """Fields of a record as a tree for JSON; arrays go to ``arrays``, and their names stay."""
    return {
        name: packed(getattr(record, name), arrays, f"{prefix}{name}")
        for name in _names(type(record))
        if name not in QUESTIONS
    }


def packed(value: Any, arrays: dict[str, np.ndarray], name: str) -> Any:
    """Tree for JSON of a value; every kind but words, whole numbers and lists is tagged.

    Examples
    --------
    >>> from fokkerplanck.domain.packing import packed, unpacked
    >>> arrays = {}
    >>> tree = packed({"a": (1, float("inf")), "b": np.arange(2)}, arrays, "x")
    >>> tree["dict"][0], sorted(arrays)
    (['a', {'tuple': [1, {'float': 'inf'}]}], ['x_b'])
    >>> unpacked(tree, arrays)
    {'a': (1, inf), 'b': array([0, 1])}
    """
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float):
        return value if np.isfinite(value) else {"float": repr(value)}
    if isinstance(value, complex):
        return {"complex": [packed(part, arrays, name) for part in (value.real, value.imag)]}
    if isinstance(value, np.ndarray):
        return {"array": _put(value, arrays, name)}
    if isinstance(value, Side):
        return {"side": [value.axis, value.end]}
    if isinstance(value, Grid):
        faces, about = storage.pack_grid(value)
        return {
            "grid": about,
            "faces": [_put(F, arrays, f"{name}_faces") for F in faces.values()],
        }
    kind = type(value).__name__
    if kind in PARTS or kind in storage.HOMES:
        return {"record": kind, "fields": packed_fields(value, arrays, f"{name}_")}
    if isinstance(value, (list, tuple)):
        inside = [packed(entry, arrays, f"{name}_{k}") for k, entry in enumerate(value)]
        return inside if isinstance(value, list) else {"tuple": inside}
    if isinstance(value, Mapping):
        tag = "read-only" if isinstance(value, ReadOnly) else "dict"
        pairs = [
            [packed(k, arrays, name), packed(u, arrays, f"{name}_{k}")] for k, u in value.items()
        ]
        return {tag: pairs}
    raise ValueError(f"{name} is {describe(value)}, which cannot be saved")


def unpacked(tree: Any, arrays: Mapping[str, Any]) -> Any:
    """Value that ``packed`` made a tree of."""
    if isinstance(tree, list):
        return [unpacked(entry, arrays) for entry in tree]
    if not isinstance(tree, dict):
        return tree
    if "record" in tree:
        kind = tree["record"]
        home = PARTS.get(kind) or storage.HOMES[kind]
        return made(getattr(import_module(home), kind), tree["fields"], arrays)
    if "grid" in tree:
        faces = {f"faces_{k}": arrays[name] for k, name in enumerate(tree["faces"])}
        return storage.unpack_grid(faces, tree["grid"])
    ((tag, content),) = tree.items()
    if tag == "array":
        return frozen(np.array(arrays[content]))
    if tag == "side":
        return Side(*content)
    if tag == "float":
        return float(content)
    if tag == "complex":
        return complex(*(unpacked(part, arrays) for part in content))
    if tag == "tuple":
        return tuple(unpacked(entry, arrays) for entry in content)
    pairs = {unpacked(k, arrays): unpacked(u, arrays) for k, u in content}
    return ReadOnly(pairs) if tag == "read-only" else pairs


def made(cls: Any, tree: Mapping[str, Any], arrays: Mapping[str, Any], **more: Any) -> Any:
    """Record of a class from the trees of its fields, and from more fields."""
    values = {name: unpacked(entry, arrays) for name, entry in tree.items()}
    for name, value in values.items():
        words = _annotation(cls, name)
        kinds = [word.split("[")[0].split(".")[-1] for word in words.split(" | ")]
        if not any(_is_one(value, kind) for kind in kinds):
            raise ValueError(f"{name} of {cls.__name__} is {describe(value)}, not {words}")
    return cls(**values, **more)


def _is_one(value: Any, word: str) -> bool:
    """Whether a value is what a word of an annotation asks for, as far as we know such words."""
    if word in PARTS or word in storage.HOMES:
        return word in [base.__name__ for base in type(value).__mro__]
    return isinstance(value, KINDS.get(word, object))


def _annotation(cls: Any, name: str) -> str:
    """Annotation of a field, of a class or of one that it is made from."""
    for base in cls.__mro__:
        if name in getattr(base, "__annotations__", {}):
            kind = base.__annotations__[name]
            return str(getattr(kind, "__forward_arg__", kind))  # of a named tuple
    raise ValueError(f"{cls.__name__} has no {name}")


def _names(cls: Any) -> tuple[str, ...]:
    """Names of the fields of a dataclass or a named tuple."""
    return tuple(entry.name for entry in fields(cls)) if is_dataclass(cls) else cls._fields


def _put(array: np.ndarray, arrays: dict[str, np.ndarray], name: str) -> str:
    """Name under which an array was put to the others."""
    if array.dtype.kind not in "biufc":
        raise ValueError(f"{name} is {describe(array)}, which cannot be saved")
    free, k = name, 1
    while free in arrays:
        free, k = f"{name}_{k}", k + 1
    arrays[free] = array
    return free
