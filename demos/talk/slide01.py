"""Slide 1: Unraveling the mysteries of stochastic gradient descent.

The computation is in ``fokkerplanck.demos.talk.slide01``,
so that ``fokkerplanck demo slide01`` works from an installed wheel.
"""

from fokkerplanck.cli import main

if __name__ == "__main__":
    raise SystemExit(main(["demo", "slide01"]))
