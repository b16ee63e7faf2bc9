"""Slide 5: Tilting the Gibbs measure.

The computation is in ``fokkerplanck.demos.talk.slide05``; ``fokkerplanck demo slide05``
runs it from an installed wheel too.
"""

from fokkerplanck.cli import main

if __name__ == "__main__":
    raise SystemExit(main(["demo", "slide05"]))
