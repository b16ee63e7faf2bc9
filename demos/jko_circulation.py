"""A JKO step for the reversible part, a Markov step for the circulation.

The computation is in ``fokkerplanck.demos.jko_circulation``; ``fokkerplanck demo jko_circulation``
runs it from an installed wheel too.
"""

from fokkerplanck.cli import main

if __name__ == "__main__":
    raise SystemExit(main(["demo", "jko_circulation"]))
