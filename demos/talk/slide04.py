"""Slide 4: A bit of statistical physics.

The computation is in ``fokkerplanck.demos.talk.slide04``,
so that ``fokkerplanck demo slide04`` works from an installed wheel.
"""

from fokkerplanck.cli import main

if __name__ == "__main__":
    raise SystemExit(main(["demo", "slide04"]))
