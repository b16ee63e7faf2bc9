"""Slide 2: The question.

The computation is in ``fokkerplanck.demos.talk.slide02``,
so that ``fokkerplanck demo slide02`` works from an installed wheel.
"""

from fokkerplanck.cli import main

if __name__ == "__main__":
    raise SystemExit(main(["demo", "slide02"]))
