"""Slide 10: Wasserstein gradient flow.

The computation is in ``fokkerplanck.demos.talk.slide10``; ``fokkerplanck demo slide10``
runs it from an installed wheel too.
"""

from fokkerplanck.cli import main

if __name__ == "__main__":
    raise SystemExit(main(["demo", "slide10"]))
