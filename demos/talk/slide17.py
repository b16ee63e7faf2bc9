"""Slide 17: Deep networks have highly non-isotropic noise.

The computation is in ``fokkerplanck.demos.talk.slide17``,
so that ``fokkerplanck demo slide17`` works from an installed wheel.
"""

from fokkerplanck.cli import main

if __name__ == "__main__":
    raise SystemExit(main(["demo", "slide17"]))
