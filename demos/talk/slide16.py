"""Slide 16: The steady state and the loss.

The computation is in ``fokkerplanck.demos.talk.slide16``,
so that ``fokkerplanck demo slide16`` works from an installed wheel.
"""

from fokkerplanck.cli import main

if __name__ == "__main__":
    raise SystemExit(main(["demo", "slide16"]))
