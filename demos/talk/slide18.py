"""Slide 18: How different are cats and dogs, really.

The computation is in ``fokkerplanck.demos.talk.slide18``; ``fokkerplanck demo slide18``
runs it from an installed wheel too.
"""

from fokkerplanck.cli import main

if __name__ == "__main__":
    raise SystemExit(main(["demo", "slide18"]))
