"""Slide 15: Connection to the information bottleneck principle.

The computation is in ``fokkerplanck.demos.talk.slide15``; ``fokkerplanck demo slide15``
runs it from an installed wheel too.
"""

from fokkerplanck.cli import main

if __name__ == "__main__":
    raise SystemExit(main(["demo", "slide15"]))
