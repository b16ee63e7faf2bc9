"""Slide 20: Trajectories of SGD.

The computation is in ``fokkerplanck.demos.talk.slide20``,
so that ``fokkerplanck demo slide20`` works from an installed wheel.
"""

from fokkerplanck.cli import main

if __name__ == "__main__":
    raise SystemExit(main(["demo", "slide20"]))
