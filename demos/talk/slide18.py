"""Slide 18: How different are cats and dogs, really.

The computation is in ``fokkerplanck.demos.talk.slide18``,
so that ``fokkerplanck demo slide18`` works from an installed wheel.
"""

from fokkerplanck.cli import main

if __name__ == "__main__":
    raise SystemExit(main(["demo", "slide18"]))
