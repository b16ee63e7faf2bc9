"""Slide 15: Connection to the information bottleneck principle.

The computation is in ``fokkerplanck.demos.talk.slide15``,
so that ``fokkerplanck demo slide15`` works from an installed wheel.
"""

from fokkerplanck.cli import main

if __name__ == "__main__":
    raise SystemExit(main(["demo", "slide15"]))
