"""Densities that lie in files, one a frame, and are read when they are asked for."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from fokkerplanck.domain.types import Array

#: Frames in a folder: the sweep after killed writers looks at every file beside the new one.
IN_A_FOLDER = 500


def frame_path(folder: Path, k: int) -> Path:
    """File of frame k of a run's folder."""
    return folder / "frames" / f"{k // IN_A_FOLDER:03d}" / f"{k:06d}.npy"


class Frames(NDArrayOperatorsMixin):
    r"""Densities (n, \*shape) in files, with the manners of a read-only array.

    ``frames[k]`` is one density, mapped from its file: its numbers are read when they are used.
    Of ``frames[a:b]`` nothing is read either, and ``frames[:, i, j]`` reads file by file and keeps
    what was asked for. Everything else (arithmetic, ``np.asarray``, methods of arrays) reads all
    densities into memory first.

    Parameters
    ----------
    folder : Path
    shape : tuple of int
        Of the grid.
    indices : range
        Which frames these are.
    """

    def __init__(self, folder: Path, shape: tuple[int, ...], indices: range) -> None:
        self.folder, self._each, self._indices = folder, tuple(shape), indices

    @property
    def shape(self) -> tuple[int, ...]:
        """Number of densities, and the shape of the grid."""
        return (len(self._indices), *self._each)

    @property
    def ndim(self) -> int:
        """Number of axes, of the densities and one more."""
        return 1 + len(self._each)

    @property
    def size(self) -> int:
        """Number of numbers in all."""
        return int(np.prod(self.shape))

    @property
    def dtype(self) -> np.dtype:
        """Double precision."""
        return np.dtype(float)

    @property
    def nbytes(self) -> int:
        """Bytes that an array of all densities would take."""
        return 8 * self.size

    def __len__(self) -> int:
        return len(self._indices)

    def __iter__(self) -> Iterator[Array]:
        return (self._one(k) for k in self._indices)

    def __getitem__(self, key: Any) -> Any:
        first, rest = (key[0], key[1:]) if isinstance(key, tuple) and key else (key, ())
        if isinstance(first, (int, np.integer)) and not isinstance(first, bool):
            return self._one(self._indices[int(first)])[rest]
        if isinstance(first, slice):
            part = Frames(self.folder, self._each, self._indices[first])
            if not rest:
                return part
            if all(isinstance(entry, (int, np.integer, slice)) for entry in rest):
                found = [np.array(rho[rest]) for rho in part]
                like = np.empty(self._each)[rest].shape
                return np.array(found) if found else np.empty((0, *like))
        return np.asarray(self)[key]

    def _one(self, k: int) -> Array:
        """Density k, mapped."""
        path = frame_path(self.folder, k)
        try:
            rho = np.load(path, mmap_mode="r", allow_pickle=False)
        except FileNotFoundError:
            raise FileNotFoundError(
                f"{path} is gone, a density of the run in {self.folder}; put it back"
            ) from None
        except (ValueError, EOFError, OSError) as error:
            raise ValueError(f"{path} is damaged ({error}); put the file back") from error
        if rho.shape != self._each or rho.dtype != float:
            raise ValueError(
                f"{path} holds {rho.dtype} of shape {rho.shape}, expected float64 of shape "
                f"{self._each}; put the density back"
            )
        return rho.view(np.ndarray)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        if copy is False:
            raise ValueError("densities in files become an array by a copy; leave copy=False out")
        out = np.empty(self.shape)
        for i, rho in enumerate(self):
            out[i] = rho
        return out if dtype is None else out.astype(dtype, copy=False)

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        arrays = [np.asarray(u) if isinstance(u, Frames) else u for u in inputs]
        return getattr(ufunc, method)(*arrays, **kwargs)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or not hasattr(np.ndarray, name):
            raise AttributeError(f"densities in files have no attribute {name!r}")
        return getattr(np.asarray(self), name)

    def __repr__(self) -> str:
        """How many, of which shape, and where."""
        return f"Frames({len(self)} densities of shape {self._each} in {str(self.folder)!r})"
