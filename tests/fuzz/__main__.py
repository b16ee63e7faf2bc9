"""Many random cases, new ones every time: `make fuzz`, or `make fuzz CASES=20000 SEED=7`.

Prints the seed that makes the same cases again; a failure ends with the smallest case found.
"""

import argparse
import os
import secrets
import subprocess
import sys

from tests.conftest import ROOT

if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--cases", type=int, default=500, help="random cases of each property")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(2**32))
    options, others = parser.parse_known_args()
    print(f"{options.cases} cases of each property, seed {options.seed}", flush=True)
    command = [
        *(sys.executable, "-m", "pytest", str(ROOT / "tests" / "fuzz"), "-n", "auto"),
        *("--hypothesis-profile", "deep", "--hypothesis-seed", str(options.seed), *others),
    ]
    environment = os.environ | {"FUZZ_CASES": str(options.cases)}
    sys.exit(subprocess.run(command, env=environment, cwd=ROOT, check=False).returncode)
