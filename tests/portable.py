"""The fast tests in the arithmetic of another processor: `make test-portable`.

What only holds by the last bits of one processor's arithmetic (a chaotic orbit, a count of steps
that is just within its limit) should fail here. Each setting is one that every processor has:
compiled kernels for the plainest of its kind, numpy's plainest loops, and on x86 the oldest kernels
of OpenBLAS and a libm without fused multiplication; elsewhere the last two are left alone.
"""

import os
import platform
import subprocess
import sys

import numpy as np

from tests.conftest import ROOT


def settings() -> dict[str, str]:
    """Environment variables; all are read while the libraries are loaded."""
    # Loops beyond the baseline, those that this processor has: numpy warns of any others.
    found = np.show_config(mode="dicts").get("SIMD Extensions", {}).get("found", [])
    plain = {
        "NUMBA_CPU_NAME": "generic",
        "NUMBA_CPU_FEATURES": "",
        "NUMBA_CACHE_DIR": str(ROOT / ".cache" / "numba-portable"),
        "NPY_DISABLE_CPU_FEATURES": " ".join(found),
        "FOKKERPLANCK_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
    }
    if platform.machine().lower() in ("x86_64", "amd64"):
        plain["OPENBLAS_CORETYPE"] = "Prescott"
        plain["GLIBC_TUNABLES"] = "glibc.cpu.hwcaps=-AVX2,-FMA,-FMA4"
    return plain


if __name__ == "__main__":
    chosen = settings()
    print(*(f"{name}={value!r}" for name, value in chosen.items()), sep="\n", flush=True)
    command = [sys.executable, "-m", "pytest", *sys.argv[1:]]
    sys.exit(subprocess.run(command, env=os.environ | chosen, cwd=ROOT, check=False).returncode)
