"""Slide 14: Some implications.

The computation is in ``fokkerplanck.demos.talk.slide14``,
so that ``fokkerplanck demo slide14`` works from an installed wheel.
"""

from fokkerplanck.cli import main

if __name__ == "__main__":
    raise SystemExit(main(["demo", "slide14"]))
