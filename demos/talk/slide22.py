"""Slide 22: SGD as an A-type process.

The computation is in ``fokkerplanck.demos.talk.slide22``; ``fokkerplanck demo slide22``
runs it from an installed wheel too.
"""

from fokkerplanck.cli import main

if __name__ == "__main__":
    raise SystemExit(main(["demo", "slide22"]))
