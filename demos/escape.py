"""Escape from a well: passage times, committors and the reactive current.

The computation is in ``fokkerplanck.demos.escape``,
so that ``fokkerplanck demo escape`` works from an installed wheel.
"""

from fokkerplanck.cli import main

if __name__ == "__main__":
    raise SystemExit(main(["demo", "escape"]))
