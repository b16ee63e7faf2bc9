"""Answers of a study on disk: one small file a point, so that what is done is never done again."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from fokkerplanck.domain import opening, storage
from fokkerplanck.domain.arguments import describe
from fokkerplanck.studies.answers import VALUE, is_numbers
from fokkerplanck.studies.marks import digest, mark_of

_KIND = "SweepPoint"


@dataclass(frozen=True)
class Folder:
    """Folder of answers of one pair of functions.

    Attributes
    ----------
    path : Path
    mark : str
        Digest of the functions: answers of others are not mixed in.
    """

    path: Path
    mark: str

    @classmethod
    def of(cls, path: Any, *functions: Callable[..., Any]) -> Folder:
        """Folder that a person named, made if it is not there."""
        if not isinstance(path, (str, os.PathLike)) or isinstance(os.fspath(path), bytes):
            raise ValueError(f"path is {describe(path)}; give the name of a folder for the points")
        folder = Path(path)
        if folder.exists() and not folder.is_dir():
            raise ValueError(f"path is {str(path)!r}, which is no folder; give the name of one")
        folder.mkdir(parents=True, exist_ok=True)
        return cls(folder, mark_of(*functions))

    def file(self, point: Mapping[str, Any]) -> Path:
        """File of a point, named after its values: the order of points plays no part."""
        return self.path / f"point-{digest(point)}.npz"

    def result_file(self, point: Mapping[str, Any]) -> Path:
        """File of a result with a .save of its own, which has no room for the mark but its name."""
        return self.path / f"result-{digest([dict(point), self.mark])}.npz"

    def found(self, point: Mapping[str, Any]) -> dict[str, Any] | None:
        """Answers that are stored for a point, or None."""
        file, result = self.file(point), self.result_file(point)
        if result.exists():
            with _damage_said(result):
                return {VALUE: opening.load(result)}
        if not file.exists():
            return None
        with _damage_said(file):
            kind, arrays, metadata = storage.read(file)
        if (
            kind != _KIND
            or metadata.get("mark") != self.mark
            or metadata.get("point") != dict(point)
        ):
            raise ValueError(
                f"{file} was made by another build or ask (their text, or a number or grid that "
                "they use, has changed); give another folder as path, or delete this one"
            )
        return {name: arrays[f"answer_{name}"] for name in metadata["names"]}

    def keep(self, point: Mapping[str, Any], answers: Mapping[str, Any]) -> None:
        """Write the answers of a point, the whole file or none."""
        if is_numbers(answers):
            arrays = {f"answer_{name}": np.asarray(u) for name, u in answers.items()}
            metadata = {"mark": self.mark, "point": dict(point), "names": list(answers)}
            storage.write(self.file(point), _KIND, arrays, metadata)
            return
        (result,) = answers.values()
        if not callable(getattr(result, "save", None)):
            raise ValueError(
                f"ask returned {describe(result)}, which has no .save; return numbers or arrays, "
                "or leave path out"
            )
        result.save(self.result_file(point))


@contextmanager
def _damage_said(file: Path) -> Iterator[None]:
    """Say of a file that cannot be read what is to be done about it."""
    try:
        yield
    except ValueError as error:
        reason = str(error).rpartition(";")[0] or str(error)
        raise ValueError(f"{reason}; delete {file.name}, and its point is asked again") from error
