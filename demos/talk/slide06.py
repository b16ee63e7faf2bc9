"""Slide 6: Parle: parallelization of SGD.

The computation is in ``fokkerplanck.demos.talk.slide06``; ``fokkerplanck demo slide06``
runs it from an installed wheel too.
"""

from fokkerplanck.cli import main

if __name__ == "__main__":
    raise SystemExit(main(["demo", "slide06"]))
