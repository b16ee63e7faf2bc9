"""Files that are written whole or not at all, through a temporary file beside them."""

from __future__ import annotations

import os
import platform
import re
import secrets
import shutil
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from fokkerplanck.domain.arguments import describe

_MARK = ".fokkerplanck-"


def file_path(path: Any, name: str = "path") -> Path:
    """Path of a file that can be written: a regular one, or a new one in a folder that exists."""
    if not isinstance(path, (str, os.PathLike)) or isinstance(os.fspath(path), bytes):
        raise ValueError(f'{name} is {describe(path)}; give the name of a file such as "run.npz"')
    given = Path(path)
    if given.name in ("", "..") or given.is_dir():
        raise ValueError(f"{name} is {str(path)!r}, a folder; give the name of a file in it")
    if given.exists() and not given.is_file():
        raise ValueError(f"{name} is {str(path)!r}, which is no regular file; give another name")
    return given


@contextmanager
def written_whole(path: str | Path) -> Iterator[Path]:
    """Give a path in the same folder that takes the name `path` once the block has ended well.

    Parameters
    ----------
    path : str or path
        An older file is replaced by a whole new one, or left alone if the block fails. Where it is
        a link, the file that it leads to is replaced.

    Yields
    ------
    Path
        With the same ending: some writers look at it.

    Raises
    ------
    ValueError
        If this is a folder, a pipe or a device.
    OSError
        If the disk is full, or there is no such folder; an older file is as it was.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> from fokkerplanck.domain.whole_files import written_whole
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with written_whole(pathlib.Path(folder) / "a.txt") as path:
    ...         _ = path.write_text("whole")
    ...     [file.name for file in pathlib.Path(folder).iterdir()]
    ['a.txt']
    """
    target = Path(os.path.realpath(file_path(path)))
    sweep(target.parent)
    # Not by mkstemp, whose files only their owner may read. Machine and process tell `sweep`
    # whether somebody still writes.
    unique = f"{_machine()}-{os.getpid()}-{secrets.token_hex(4)}"
    temporary = target.with_name(f"{_MARK}{unique}.tmp{target.suffix}")
    try:
        yield temporary
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        if target.exists():  # who may read it stays as it was
            shutil.copymode(target, temporary)
        temporary.replace(target)
    except BaseException as error:
        temporary.unlink(missing_ok=True)
        if isinstance(error, OSError) and error.errno and _is_nameless(error, temporary):
            # A full disk does not say which file it was, and nobody knows the temporary name.
            raise type(error)(error.errno, error.strerror, str(path)) from error
        raise


def _is_nameless(error: OSError, temporary: Path) -> bool:
    """Whether an error names no file, or none that a person has heard of."""
    return error.filename is None or str(error.filename) == str(temporary)


def sweep(folder: Path) -> None:
    """Remove temporary files of ours in a folder whose process on this machine has been killed."""
    if not folder.is_dir():
        return
    pattern = rf"{re.escape(_MARK)}{_machine()}-(\d+)-[0-9a-f]{{8}}\.tmp.*"
    for file in folder.glob(f"{_MARK}*.tmp*"):
        found = re.fullmatch(pattern, file.name)
        if found and file.is_file() and not _is_running(int(found[1])):
            try:
                file.unlink()
            except OSError:  # another's, or already swept by another process
                continue


def _machine() -> str:
    """Short word for this machine: folders may be shared with others, numbers of processes not."""
    return f"{zlib.crc32(platform.node().encode()):08x}"


def _is_running(process: int) -> bool:
    """Whether a process of this number exists; True where that cannot be asked."""
    if os.name != "posix":  # elsewhere signal 0 would end the process
        return True
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return True
