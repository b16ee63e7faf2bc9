"""Slide 4: A bit of statistical physics.

The computation is in ``fokkerplanck.demos.talk.slide04``; ``fokkerplanck demo slide04``
runs it from an installed wheel too.
"""

from fokkerplanck.cli import main

if __name__ == "__main__":
    raise SystemExit(main(["demo", "slide04"]))
