"""Slide 24: Punchline.

The computation is in ``fokkerplanck.demos.talk.slide24``; ``fokkerplanck demo slide24``
runs it from an installed wheel too.
"""

from fokkerplanck.cli import main

if __name__ == "__main__":
    raise SystemExit(main(["demo", "slide24"]))
