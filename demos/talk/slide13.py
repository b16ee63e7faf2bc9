"""Slide 13: Lyapunov functional.

The computation is in ``fokkerplanck.demos.talk.slide13``,
so that ``fokkerplanck demo slide13`` works from an installed wheel.
"""

from fokkerplanck.cli import main

if __name__ == "__main__":
    raise SystemExit(main(["demo", "slide13"]))
