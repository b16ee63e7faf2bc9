"""Slide 11: SGD with isotropic noise.

The computation is in ``fokkerplanck.demos.talk.slide11``; ``fokkerplanck demo slide11``
runs it from an installed wheel too.
"""

from fokkerplanck.cli import main

if __name__ == "__main__":
    raise SystemExit(main(["demo", "slide11"]))
