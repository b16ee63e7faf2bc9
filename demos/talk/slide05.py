"""Slide 5: Tilting the Gibbs measure.

The computation is in ``fokkerplanck.demos.talk.slide05``,
so that ``fokkerplanck demo slide05`` works from an installed wheel.
"""

from fokkerplanck.cli import main

if __name__ == "__main__":
    raise SystemExit(main(["demo", "slide05"]))
