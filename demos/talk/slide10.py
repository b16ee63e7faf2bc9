"""Slide 10: Wasserstein gradient flow.

The computation is in ``fokkerplanck.demos.talk.slide10``,
so that ``fokkerplanck demo slide10`` works from an installed wheel.
"""

from fokkerplanck.cli import main

if __name__ == "__main__":
    raise SystemExit(main(["demo", "slide10"]))
