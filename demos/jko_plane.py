"""Wasserstein gradient flow in the plane: JKO steps against the Fokker-Planck equation.

The computation is in ``fokkerplanck.demos.jko_plane``; ``fokkerplanck demo jko_plane``
runs it from an installed wheel too.
"""

from fokkerplanck.cli import main

if __name__ == "__main__":
    raise SystemExit(main(["demo", "jko_plane"]))
