"""Slide 3: Empirical evidence: wide minima.

The computation is in ``fokkerplanck.demos.talk.slide03``,
so that ``fokkerplanck demo slide03`` works from an installed wheel.
"""

from fokkerplanck.cli import main

if __name__ == "__main__":
    raise SystemExit(main(["demo", "slide03"]))
