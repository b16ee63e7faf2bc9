"""Slide 13: Lyapunov functional.

The computation is in ``fokkerplanck.demos.talk.slide13``; ``fokkerplanck demo slide13``
runs it from an installed wheel too.
"""

from fokkerplanck.cli import main

if __name__ == "__main__":
    raise SystemExit(main(["demo", "slide13"]))
