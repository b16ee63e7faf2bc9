"""Many small calls one after the other, and the memory that they keep; run as a program by tests.

``python -m tests.many_calls 1000 10000`` prints the resident size in kilobytes after so many calls;
with ``keep`` before the numbers every answer is kept, as by a cache without an end.
"""

import gc
import sys
from pathlib import Path

import fokkerplanck as fp


def resident():
    """Resident size of this process in kilobytes; the system's own number, so Linux only."""
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    raise RuntimeError("/proc/self/status has no line VmRSS")


def call(number):
    """One call on a grid and a problem of its own; no two of a run have the same numbers."""
    strength = 1 + number * 1e-5
    line = fp.Grid([(-2, 2)], 12)
    plane = fp.Grid([(-2, 2)] * 2, 6)
    well = fp.Problem(line, f=lambda x: strength * x**2 / 2)
    turning = fp.Problem(plane, drift=lambda x, y: (y - strength * x, -x - strength * y))
    questions = [
        lambda: fp.steady_state(well),
        lambda: fp.steady_state(turning, scheme="markov"),
        lambda: fp.solve(well, fp.gaussian(line, 1, 0.3), [0, 0.1, 0.2], dense=True),
        lambda: fp.solve(turning, fp.uniform(plane), [0, 0.1], fp.Implicit()),
        lambda: fp.spectrum(turning, 2),
        lambda: fp.mfpt(turning, fp.sets.ball([0, 0], 1)),
    ]
    if number % 60 == 0:  # takes five times as long as any other
        return fp.steady_state(turning)
    return questions[number % len(questions)]()


def main(marks, keep=False):
    done, figures, kept = 0, [], []
    for mark in marks:
        for number in range(done, mark):
            answer = call(number)
            if keep:
                kept.append(answer)
        done = mark
        gc.collect()
        figures.append(resident())
    print(*figures)


if __name__ == "__main__":
    words = [word for word in sys.argv[1:] if word != "keep"]
    main([int(word) for word in words], "keep" in sys.argv)
