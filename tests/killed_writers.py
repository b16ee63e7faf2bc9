"""Writers that are killed at random lines of their work, and what is left; run by tests.

``python -m tests.killed_writers KIND SEED FOLDER``: every writer is a fork of this process and ends
itself with SIGKILL at one line of Python, so that the moments are the same on any machine. KIND is
a way to write: ``save``, ``movie``, ``page``, or ``plain``, which writes in place and must be seen
to leave half a file.
"""

import os
import random
import signal
import sys
from pathlib import Path

import numpy as np
from PIL import Image

import fokkerplanck as fp
from fokkerplanck import plot
from fokkerplanck.domain.whole_files import written_whole

MOMENTS = 30
GRID = fp.Grid([(-3, 3)], 12)
WELL = fp.Problem(GRID, f=lambda x: x**2 / 2)
OLD, NEW = (fp.solve(WELL, fp.gaussian(GRID, place, 0.3), [0, 0.1]) for place in (1, -1))


def _page(run, path):
    with written_whole(path) as temporary:
        temporary.write_text(" ".join(f"{u!r}" for u in run.rho.ravel().tolist()), encoding="utf-8")


def _frames(path):
    with Image.open(path) as film:
        found = []
        for k in range(film.n_frames):
            film.seek(k)
            found.append(film.convert("RGB").tobytes())
    return found


#: Ending, how to write a run, and what a whole file says of it.
KINDS = {
    "save": (".npz", lambda run, path: run.save(path), lambda path: fp.load(path).rho.tolist()),
    "plain": (
        ".npz",
        lambda run, path: np.savez(path, rho=run.rho),
        lambda path: np.load(path)["rho"].tolist(),
    ),
    "movie": (
        ".gif",
        lambda run, path: plot.movie(run, path, width=1, height=1, dpi=30, progress=False),
        _frames,
    ),
    "page": (".txt", _page, lambda path: path.read_text(encoding="utf-8")),
}


def fork(work):
    """Status of a child that does the work."""
    process = os.fork()
    if process == 0:
        try:
            work()
        except BaseException as error:
            print(error, file=sys.stderr)
            os._exit(1)
        os._exit(0)
    return os.waitpid(process, 0)[1]


class Clock:
    """Counts the lines of Python that run, and kills its process at one of them.

    Lines that draw are left out: there are half a million, and no file is open.
    """

    def __init__(self, last=None):
        self.lines, self.last = 0, last

    def __call__(self, frame, event, argument):
        if "matplotlib" in frame.f_code.co_filename:
            return None
        if event == "line":
            self.lines += 1
            if self.lines == self.last:
                os.kill(os.getpid(), signal.SIGKILL)
        return self

    def run(self, write, *arguments):
        sys.settrace(self)
        write(*arguments)
        sys.settrace(None)


def lines_of(write, run, path):
    """Number of lines that one writer runs, counted in a fork as the others are."""
    end, start = os.pipe()

    def count():
        clock = Clock()
        clock.run(write, run, path)
        os.write(start, str(clock.lines).encode())

    if fork(count):
        raise RuntimeError("the writer failed")
    return int(os.read(end, 64))


def main(kind, seed, folder):
    ending, write, read = KINDS[kind]
    path, whole, torn, left = Path(folder) / f"run{ending}", [], 0, 0
    for run in (OLD, NEW):
        write(run, path)
        whole.append(read(path))
    assert whole[0] != whole[1]
    count, killed = lines_of(write, NEW, path), 0
    random.seed(seed)
    # All along, and as many that get denser towards the end, where files take their names.
    moments = [random.randint(1, count) for _ in range(MOMENTS // 2)]
    moments += [count + 1 - int(count ** random.random()) for _ in range(MOMENTS // 2)]
    for moment in moments:
        write(OLD, path)
        assert [file.name for file in path.parent.iterdir()] == [path.name]  # swept
        status = fork(lambda moment=moment: Clock(moment).run(write, NEW, path))
        killed += os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
        others = [file.name for file in path.parent.iterdir() if file != path]
        assert all(name.startswith(".fokkerplanck-") for name in others), others
        left += len(others)
        try:
            torn += read(path) not in whole
        except Exception:  # whatever a reader says of half a file
            torn += 1
    write(OLD, path)
    assert [file.name for file in path.parent.iterdir()] == [path.name]
    print(f"killed {killed} torn {torn} left {left} of {MOMENTS} moments in {count} lines")


if __name__ == "__main__":
    kind, seed, folder = sys.argv[1:]
    main(kind, int(seed), folder)
