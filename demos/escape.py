"""Escape from a well: passage times, committors and the reactive current.

The computation is in ``fokkerplanck.demos.escape``; ``fokkerplanck demo escape``
runs it from an installed wheel too.
"""

from fokkerplanck.cli import main

if __name__ == "__main__":
    raise SystemExit(main(["demo", "escape"]))
