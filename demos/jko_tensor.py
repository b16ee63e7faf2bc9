"""JKO steps in the metric of a turning diffusion tensor.

The computation is in ``fokkerplanck.demos.jko_tensor``; ``fokkerplanck demo jko_tensor``
runs it from an installed wheel too.
"""

from fokkerplanck.cli import main

if __name__ == "__main__":
    raise SystemExit(main(["demo", "jko_tensor"]))
