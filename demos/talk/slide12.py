"""Slide 12: What happens for non-isotropic noise.

The computation is in ``fokkerplanck.demos.talk.slide12``; ``fokkerplanck demo slide12``
runs it from an installed wheel too.
"""

from fokkerplanck.cli import main

if __name__ == "__main__":
    raise SystemExit(main(["demo", "slide12"]))
