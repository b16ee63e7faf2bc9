"""Slide 3: Empirical evidence: wide minima.

The computation is in ``fokkerplanck.demos.talk.slide03``; ``fokkerplanck demo slide03``
runs it from an installed wheel too.
"""

from fokkerplanck.cli import main

if __name__ == "__main__":
    raise SystemExit(main(["demo", "slide03"]))
