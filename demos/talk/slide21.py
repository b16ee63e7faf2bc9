"""Slide 21: An example force-field.

The computation is in ``fokkerplanck.demos.talk.slide21``; ``fokkerplanck demo slide21``
runs it from an installed wheel too.
"""

from fokkerplanck.cli import main

if __name__ == "__main__":
    raise SystemExit(main(["demo", "slide21"]))
