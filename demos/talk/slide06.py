"""Slide 6: Parle: parallelization of SGD.

The computation is in ``fokkerplanck.demos.talk.slide06``,
so that ``fokkerplanck demo slide06`` works from an installed wheel.
"""

from fokkerplanck.cli import main

if __name__ == "__main__":
    raise SystemExit(main(["demo", "slide06"]))
