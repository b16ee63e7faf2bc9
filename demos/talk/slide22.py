"""Slide 22: Theorem: SGD as an A-type process.

The computation is in ``fokkerplanck.demos.talk.slide22``,
so that ``fokkerplanck demo slide22`` works from an installed wheel.
"""

from fokkerplanck.cli import main

if __name__ == "__main__":
    raise SystemExit(main(["demo", "slide22"]))
