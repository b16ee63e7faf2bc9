"""Slide 12: What happens for non-isotropic noise.

The computation is in ``fokkerplanck.demos.talk.slide12``,
so that ``fokkerplanck demo slide12`` works from an installed wheel.
"""

from fokkerplanck.cli import main

if __name__ == "__main__":
    raise SystemExit(main(["demo", "slide12"]))
