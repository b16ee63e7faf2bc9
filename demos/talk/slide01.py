"""Slide 1: Unraveling the mysteries of stochastic gradient descent.

The computation is in ``fokkerplanck.demos.talk.slide01``; ``fokkerplanck demo slide01``
runs it from an installed wheel too.
"""

from fokkerplanck.cli import main

if __name__ == "__main__":
    raise SystemExit(main(["demo", "slide01"]))
