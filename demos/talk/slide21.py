"""Slide 21: An example force-field.

The computation is in ``fokkerplanck.demos.talk.slide21``,
so that ``fokkerplanck demo slide21`` works from an installed wheel.
"""

from fokkerplanck.cli import main

if __name__ == "__main__":
    raise SystemExit(main(["demo", "slide21"]))
