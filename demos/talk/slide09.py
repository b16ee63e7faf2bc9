"""Slide 9: A continuous-time view of SGD: the Fokker-Planck equation.

The computation is in ``fokkerplanck.demos.talk.slide09``,
so that ``fokkerplanck demo slide09`` works from an installed wheel.
"""

from fokkerplanck.cli import main

if __name__ == "__main__":
    raise SystemExit(main(["demo", "slide09"]))
