"""What every test stands on: strict floating point, no windows, a seeded rng, cached kernels."""

import os
import sys
import zlib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


# Before anything below can import numba or pyplot; children started by a test inherit both. An edit
# of a kernel recompiles its own file alone: kernels call no kernel of another (docs/decisions.md).
os.environ.setdefault("NUMBA_CACHE_DIR", str(ROOT / ".cache" / "numba"))
os.environ["MPLBACKEND"] = "Agg"

import matplotlib as mpl  # noqa: E402
import numpy as np  # noqa: E402
import pytest  # noqa: E402

mpl.use("Agg")
mpl.rcParams["figure.max_open_warning"] = 0
# Underflow is everyday life here (rho ~ e^-2000); anything else is a mistake.
np.seterr(all="raise", under="ignore")


@pytest.fixture
def rng(request) -> np.random.Generator:
    """Random generator seeded by the test's own name: the same alone, in any order, anywhere."""
    return np.random.default_rng(zlib.crc32(request.node.name.encode()))


@pytest.fixture(autouse=True)
def _close_figures():
    """Close every figure that the test left open."""
    yield
    pyplot = sys.modules.get("matplotlib.pyplot")
    if pyplot is not None:
        pyplot.close("all")
