"""Slide 24: Punchline.

The computation is in ``fokkerplanck.demos.talk.slide24``,
so that ``fokkerplanck demo slide24`` works from an installed wheel.
"""

from fokkerplanck.cli import main

if __name__ == "__main__":
    raise SystemExit(main(["demo", "slide24"]))
