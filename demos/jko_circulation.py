"""A JKO step for the reversible part, a Markov step for the circulation.

The computation is in ``fokkerplanck.demos.jko_circulation``,
so that ``fokkerplanck demo jko_circulation`` works from an installed wheel.
"""

from fokkerplanck.cli import main

if __name__ == "__main__":
    raise SystemExit(main(["demo", "jko_circulation"]))
