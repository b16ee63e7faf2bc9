"""Slide 8: A continuous-time view of SGD: diffusion matrix and temperature.

The computation is in ``fokkerplanck.demos.talk.slide08``,
so that ``fokkerplanck demo slide08`` works from an installed wheel.
"""

from fokkerplanck.cli import main

if __name__ == "__main__":
    raise SystemExit(main(["demo", "slide08"]))
