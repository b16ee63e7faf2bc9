"""The folder of a run: what was asked, a file for every density, two checkpoints in turn.

Everything is written under another name, flushed to the disk and renamed. A checkpoint counts if
its checksum holds and every density before it is whole; the older one stands by for the younger.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import time
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np

from fokkerplanck.domain.arguments import describe
from fokkerplanck.domain.types import Array
from fokkerplanck.domain.whole_files import written_whole
from fokkerplanck.evolution.frames import Frames, frame_path
from fokkerplanck.evolution.plain_values import pack, unpack
from fokkerplanck.version import __version__

try:
    import fcntl
except ImportError:  # not on Windows, where two writers are not told from one
    fcntl = None  # type: ignore[assignment]

#: Version of the layout; raised whenever an older reader would misread a folder.
SCHEMA = 1
#: Bytes of densities above which a run says beforehand what it will write.
WORTH_A_WORD = 1e9
#: Checkpoints that the densities leave room for on the disk.
ROOM = 10
_KIND = "fokkerplanck run"
_MARK = b"fokkerplanck checkpoint\n"
_QUESTION, _LOCK, _CHECKPOINTS = "run.json", "lock", ("checkpoint-0", "checkpoint-1")
_OURS = {_QUESTION, _LOCK, "frames", *_CHECKPOINTS}


class RunFolder:
    """Folder of one run, which nobody else may write to until it is closed.

    Parameters
    ----------
    path : str or path
    every : float
        Seconds between checkpoints, at least.
    is_new : bool
        Whether there must be no run in it yet, or one.

    Attributes
    ----------
    question : dict
        What was asked: the content of ``run.json``.

    Raises
    ------
    ValueError
        For folders that will not do; the message says which would.
    """

    def __init__(self, path: Any, every: float, is_new: bool) -> None:
        self.path, self.every = _folder(path, is_new), every
        self.question: dict[str, Any] = {}
        self.sums: list[int] = []  # of the densities' bytes
        self._last: tuple[int, Array] | None = None
        self._written = -np.inf  # when the last checkpoint was
        self._turn = 0
        self._lock = _locked(self.path)
        try:
            if is_new:
                self._clear()
            else:
                self.question = _question(self.path)
        except BaseException:
            self.close()
            raise

    def _clear(self) -> None:
        """Remove what a run left that was ended before its first checkpoint."""
        if any((self.path / name).exists() for name in _CHECKPOINTS):
            raise ValueError(
                f"{self.path} holds a run already; fp.resume({str(self.path)!r}, problem) goes on "
                "with it, or give a new folder"
            )
        strange = sorted(entry.name for entry in self.path.iterdir() if entry.name not in _OURS)
        strange = [name for name in strange if not name.startswith(".fokkerplanck-")]
        if strange:
            raise ValueError(
                f"{self.path} holds {strange[0]!r}, which is of no run; give a new or empty folder"
            )
        (self.path / _QUESTION).unlink(missing_ok=True)
        shutil.rmtree(self.path / "frames", ignore_errors=True)

    def begin(self, question: dict[str, Any]) -> None:
        """Write what was asked, once there is room for what it takes.

        ``question`` has "times" and "shape", of the grid.
        """
        each = 8.0 * float(np.prod(question["shape"]))
        self._check_space(each * (len(question["times"]) + ROOM))
        head = {"kind": _KIND, "schema": SCHEMA, "version": __version__}
        self.question = head | question
        with self._said(), written_whole(self.path / _QUESTION) as file:
            file.write_text(json.dumps(self.question, indent=1), encoding="utf-8")

    def _check_space(self, needed: float) -> None:
        """Raise for a disk without room for the densities."""
        free = shutil.disk_usage(self.path).free
        if needed > free:
            raise ValueError(
                f"the densities of this run take {needed / 1e9:.3g} GB, and {self.path} has "
                f"{free / 1e9:.3g} GB left; give fewer output times, or a folder on another disk"
            )

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the grid."""
        return tuple(self.question["shape"])

    def put(self, k: int, rho: Array) -> None:
        """Write density k."""
        began = time.perf_counter()
        path = frame_path(self.path, k)
        rho = np.ascontiguousarray(rho)
        with self._said():
            path.parent.mkdir(parents=True, exist_ok=True)
            with written_whole(path) as temporary, temporary.open("wb") as file:
                np.save(file, rho)
        self.sums[k:] = [zlib.crc32(rho.data)]
        self._last = k, rho
        if k == 0:
            self._announce(time.perf_counter() - began)

    def _announce(self, seconds: float) -> None:
        """Say what a run will write that will write much."""
        n = len(self.question["times"])
        size = 8.0 * n * float(np.prod(self.shape))
        if size > WORTH_A_WORD:
            warnings.warn(
                f"this run will write {size / 1e9:.3g} GB, {n} densities, into {self.path}, and "
                f"spend about {n * seconds:.2g} seconds on it",
                RuntimeWarning,
                stacklevel=5,
            )

    def __getitem__(self, k: int) -> Array:
        """Density k."""
        if self._last is not None and self._last[0] == k:
            return self._last[1]
        return self.frames(k + 1)[k]

    def frames(self, n: int) -> Frames:
        """First n densities."""
        return Frames(self.path, self.shape, range(n))

    @property
    def is_due(self) -> bool:
        """Whether the last checkpoint is old enough for another one."""
        return time.monotonic() - self._written >= self.every

    def save(self, content: dict[str, Any]) -> None:
        """Make a checkpoint; ``content["n"]`` is the number of densities it stands on."""
        data = pack(content | {"sums": self.sums[: content["n"]]})
        with self._said(), written_whole(self.path / _CHECKPOINTS[self._turn]) as temporary:
            temporary.write_bytes(_MARK + hashlib.sha256(data).hexdigest().encode() + b"\n" + data)
        _flush(self.path)
        self._turn, self._written = 1 - self._turn, time.monotonic()

    def read(self) -> dict[str, Any]:
        """Newest checkpoint that holds; a RuntimeWarning says what is wrong with a newer one.

        Raises
        ------
        ValueError
            If there is none.
        """
        found: list[tuple[int, int, dict[str, Any]]] = []
        complaints: list[str] = []
        for turn, name in enumerate(_CHECKPOINTS):
            try:
                if (self.path / name).exists():
                    content = self._checkpoint(name)
                    found.append((content["n"], turn, content))
            except ValueError as error:
                complaints.append(str(error))
        if not found and not complaints:
            raise ValueError(
                f"{self.path} holds a run that was ended before its first checkpoint; solve with "
                "checkpoint= again, into the same folder"
            )
        # The same number twice: the run was ended after the last density.
        found.sort(key=lambda entry: (entry[0], "solution" in entry[2]), reverse=True)
        for n, turn, content in found:
            problem = self._missing(content)
            if problem:
                complaints.append(problem)
                continue
            if complaints:
                warnings.warn(
                    f"{'; '.join(complaints)}; the run goes on from {n} densities, by the other "
                    "checkpoint",
                    RuntimeWarning,
                    stacklevel=3,
                )
            self._turn, self.sums = 1 - turn, list(content["sums"])
            self._written = time.monotonic()
            return content
        raise ValueError(
            f"{'; '.join(complaints)}; there is nothing to go on from: put the files back, or "
            "solve again into a new folder"
        )

    def _checkpoint(self, name: str) -> dict[str, Any]:
        """Content of a checkpoint; ValueError if it is damaged."""
        path = self.path / name
        try:
            data = path.read_bytes()
        except OSError as error:
            raise ValueError(f"{path} cannot be read ({error.strerror})") from error
        start = len(_MARK) + 65
        digest = hashlib.sha256(data[start:]).hexdigest().encode()
        if data[:start] != _MARK + digest + b"\n":
            raise ValueError(f"{path} is damaged")
        try:
            content = unpack(data[start:])
            whole = isinstance(content["n"], int) and len(content["sums"]) == content["n"] > 0
        except (ValueError, TypeError, LookupError) as error:
            raise ValueError(f"{path} is no checkpoint ({type(error).__name__})") from error
        if not whole:
            raise ValueError(f"{path} is no checkpoint")
        return dict(content)

    def _missing(self, content: dict[str, Any]) -> str:
        """What is wrong with the densities that a checkpoint stands on; empty if nothing is."""
        frames = self.frames(content["n"])
        for k, expected in enumerate(content["sums"]):
            try:
                rho = frames[k]
            except (ValueError, OSError) as error:
                return str(error).partition(";")[0]
            if zlib.crc32(np.ascontiguousarray(rho).data) != expected:
                return f"{frame_path(self.path, k)} is not what the run wrote"
        return ""

    @contextmanager
    def _said(self) -> Iterator[None]:
        """Say of a disk that takes no more how the run goes on."""
        try:
            yield
        except OSError as error:
            raise OSError(
                error.errno,
                f"{error.strerror or error}: {self.path} takes no more; what was written before "
                f"counts, and once there is room fp.resume({str(self.path)!r}, problem) goes on",
            ) from error

    def close(self) -> None:
        """Let others write."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        self.close()


def _folder(path: Any, is_new: bool) -> Path:
    """Folder that was given, made if it is to be new."""
    name = "checkpoint" if is_new else "path"
    if not isinstance(path, (str, os.PathLike)) or isinstance(os.fspath(path), bytes):
        raise ValueError(f'{name} is {describe(path)}; give the name of a folder such as "run"')
    if not str(path):
        raise ValueError(f"{name} is ''; give the name of a folder")
    folder = Path(path)
    try:
        exists = folder.exists()
    except (OSError, ValueError) as error:
        raise ValueError(f"{name} is no name of a folder ({error})") from error
    if exists and not folder.is_dir():
        raise ValueError(f"{name} is {str(folder)!r}, which is no folder; give a folder")
    if not exists and not is_new:
        raise FileNotFoundError(f"there is no folder {str(folder)!r}; give that of a run")
    if not exists:
        try:
            folder.mkdir()
        except OSError as error:
            raise ValueError(
                f"{name} is {str(folder)!r}, which cannot be made ({error.strerror}); give a "
                "folder in one that exists"
            ) from error
    elif not is_new and not (folder / _QUESTION).exists():
        raise ValueError(
            f"{folder} is no run: it has no {_QUESTION}; give the folder that solve was given as "
            "checkpoint="
        )
    return Path(os.path.realpath(folder))


def _locked(folder: Path) -> int | None:
    """Lock on a folder, which ends with the process; None where there are none."""
    if fcntl is None:
        return None
    try:
        lock = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT, 0o666)
    except OSError as error:
        raise ValueError(
            f"{folder} cannot be written to ({error.strerror}); give another folder, or a copy"
        ) from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        raise ValueError(
            f"{folder} is being written by another run; wait for it, or give another folder"
        ) from None
    except OSError:  # a file system without locks
        os.close(lock)
        return None
    return lock


def _question(folder: Path) -> dict[str, Any]:
    """What was asked, from ``run.json``; ValueError if it is not one of ours."""
    path = folder / _QUESTION
    advice = "give the folder that solve was given as checkpoint="
    try:
        question = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ValueError(f"{path} is damaged ({type(error).__name__}); {advice}") from error
    if not isinstance(question, dict) or question.get("kind") != _KIND:
        raise ValueError(f"{path} was not written by fokkerplanck; {advice}")
    schema = question.get("schema")
    if not isinstance(schema, int) or schema > SCHEMA or schema < 1:
        raise ValueError(
            f"{path} was written by fokkerplanck {question.get('version')} (schema {schema!r}, "
            f"this one reads up to {SCHEMA}); update fokkerplanck"
        )
    wanted = {"times": list, "shape": list, "method": dict, "problem": dict, "asked": dict}
    for name, kind in wanted.items():
        if not isinstance(question.get(name), kind):
            raise ValueError(f"{path} is damaged: {name} is missing; {advice}")
    for name in ("scheme", "rtol", "atol", "is_free", "events"):
        if name not in question["asked"]:
            raise ValueError(f"{path} is damaged: {name} is missing; {advice}")
    _check_numbers(path, question, advice)
    return question


def _check_numbers(path: Path, question: dict[str, Any], advice: str) -> None:
    """Raise for output times and shapes that are none."""
    times, shape = question["times"], question["shape"]
    numbers = all(isinstance(t, (int, float)) and not isinstance(t, bool) for t in times)
    if not (times and numbers and np.isfinite(times).all() and (np.diff(times) > 0).all()):
        raise ValueError(f"{path} is damaged: the times do not increase; {advice}")
    if not (shape and all(isinstance(n, int) and n > 0 for n in shape)):
        raise ValueError(f"{path} is damaged: the shape is {shape!r:.40}; {advice}")


def _flush(folder: Path) -> None:
    """Bring the names in a folder to the disk, where that is possible."""
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError:  # some file systems flush no folders
        pass
    finally:
        os.close(handle)
