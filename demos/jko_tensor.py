"""JKO steps in the metric of a turning diffusion tensor.

The computation is in ``fokkerplanck.demos.jko_tensor``,
so that ``fokkerplanck demo jko_tensor`` works from an installed wheel.
"""

from fokkerplanck.cli import main

if __name__ == "__main__":
    raise SystemExit(main(["demo", "jko_tensor"]))
