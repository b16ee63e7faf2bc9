"""Slide 11: SGD with isotropic noise.

The computation is in ``fokkerplanck.demos.talk.slide11``,
so that ``fokkerplanck demo slide11`` works from an installed wheel.
"""

from fokkerplanck.cli import main

if __name__ == "__main__":
    raise SystemExit(main(["demo", "slide11"]))
