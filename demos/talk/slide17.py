"""Slide 17: Deep networks have highly non-isotropic noise.

The computation is in ``fokkerplanck.demos.talk.slide17``; ``fokkerplanck demo slide17``
runs it from an installed wheel too.
"""

from fokkerplanck.cli import main

if __name__ == "__main__":
    raise SystemExit(main(["demo", "slide17"]))
