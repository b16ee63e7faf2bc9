"""The folder of a command's files: each whole or not there, none of a call that was wrong."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

from fokkerplanck.cli.showing import json_text, plain
from fokkerplanck.domain.whole_files import written_whole

#: What was asked, for going on later.
QUESTION = "question.json"
NUMBERS = "numbers.json"


class ResultFolder:
    """Folder that is made when the first file goes into it.

    Parameters
    ----------
    path : Path
    force, resume : bool
        Whether it may be there already: to be written over, or to go on in it.
    """

    def __init__(self, path: Path, force: bool, resume: bool) -> None:
        self.path, self.resume = path, resume
        self._was_there = path.exists()
        if self._was_there and not path.is_dir():
            raise ValueError(f"--out {path} is a file; give the name of a folder")
        if resume and not (path / QUESTION).is_file():
            raise ValueError(
                f"--resume: nothing was begun in {path}; leave --resume out, or name the folder "
                "with --out"
            )
        if self._was_there and not (force or resume) and any(path.iterdir()):
            raise ValueError(
                f"--out {path} is there already; give --force to write over its files, or another "
                "name"
            )
        if not self._was_there and path.parent.exists() and not path.parent.is_dir():
            raise ValueError(f"--out {path}: {path.parent} is no folder")
        if not path.parent.exists():
            raise ValueError(f"--out {path}: there is no folder {path.parent}; make it first")

    def begin(self, question: dict[str, Any]) -> None:
        """Take down what is asked, or compare it with what was asked before."""
        asked = plain(question)
        file = self.path / QUESTION
        if self.resume:
            before = json.loads(file.read_text(encoding="utf-8"))
            other = [name for name in asked if before.get(name) != asked[name]]
            if other:
                raise ValueError(
                    f"--resume: {self.path} holds another question, its {', '.join(other)} differ; "
                    "give what was given before, or another --out"
                )
            return
        self.path.mkdir(exist_ok=True)
        for name in ("solve.run", "jko.run", "sweep.points"):  # of what was asked before
            shutil.rmtree(self.path / name, ignore_errors=True)
        self.write(QUESTION, json_text(asked))

    def write(self, name: str, text: str) -> Path:
        """Write text to a file."""
        with written_whole(self.path / name) as temporary:
            temporary.write_text(text + "\n", encoding="utf-8")
        return self.path / name

    def draw(self, name: str, sheet: Any) -> Path:
        """Write a picture to a file."""
        with written_whole(self.path / name) as temporary:
            sheet.savefig(temporary, dpi=150)
        return self.path / name

    def finish(self) -> None:
        """Remove what was kept for going on."""
        for name in ("solve.run", "jko.run", "sweep.points"):
            shutil.rmtree(self.path / name, ignore_errors=True)

    def abandon(self, files: Iterable[Path]) -> None:
        """Leave nothing of a call that was wrong."""
        if self.resume:
            return
        if not self._was_there:
            shutil.rmtree(self.path, ignore_errors=True)
            return
        for file in (*files, self.path / QUESTION):
            with suppress(OSError):
                file.unlink()
        self.finish()
