"""Slide 19: SGD converges to limit cycles.

The computation is in ``fokkerplanck.demos.talk.slide19``,
so that ``fokkerplanck demo slide19`` works from an installed wheel.
"""

from fokkerplanck.cli import main

if __name__ == "__main__":
    raise SystemExit(main(["demo", "slide19"]))
