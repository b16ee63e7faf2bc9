"""What the machine can do: its name, versions, memory bandwidth, and one product with a matrix."""

import hashlib
import importlib.metadata
import os
import platform
import time
from pathlib import Path

import numba
import numpy as np

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = (
    "numpy", "scipy", "numba", "llvmlite", "matplotlib", "fplanck", "FiPy", "py-pde", "PyAMG",
)  # fmt: skip


def processor() -> str:
    """Model name of the processor."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def description() -> dict:
    """Processor, cores, memory, system."""
    pages = os.sysconf("SC_PHYS_PAGES") if hasattr(os, "sysconf") else 0
    memory = pages * os.sysconf("SC_PAGE_SIZE") if pages else 0
    return {
        "processor": processor(),
        "cores": len(os.sched_getaffinity(0))
        if hasattr(os, "sched_getaffinity")
        else os.cpu_count(),
        "threads": numba.config.NUMBA_NUM_THREADS,
        "memory_GiB": round(memory / 2**30, 1),
        "system": f"{platform.system()} {platform.machine()}",
    }


def versions() -> dict:
    """Python and every package that takes part, "not installed" included."""
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            found[name] = "not installed"
    return found


def source() -> str:
    """Digest of the library's source: results of one digest belong together."""
    digest = hashlib.sha256()
    for path in sorted((ROOT / "fokkerplanck").rglob("*.py")):
        digest.update(path.relative_to(ROOT).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:12]


@numba.njit(cache=True, parallel=True)
def triad(a, b, c, s):
    """a = b + s c."""
    for i in numba.prange(a.size):
        a[i] = b[i] + s * c[i]


@numba.njit(cache=True, parallel=True)
def plane_product(w, x, y):
    """Five-point product with variable coefficients w (5, n, n)."""
    n, m = x.shape
    for i in numba.prange(1, n - 1):
        for j in range(1, m - 1):
            y[i, j] = (
                w[0, i, j] * x[i, j] + w[1, i, j] * x[i - 1, j] + w[2, i, j] * x[i + 1, j]
                + w[3, i, j] * x[i, j - 1] + w[4, i, j] * x[i, j + 1]
            )  # fmt: skip


@numba.njit(cache=True, parallel=True)
def space_product(w, x, y):
    """Seven-point product with variable coefficients w (7, n, n, n)."""
    n, m, q = x.shape
    for i in numba.prange(1, n - 1):
        for j in range(1, m - 1):
            for k in range(1, q - 1):
                y[i, j, k] = (
                    w[0, i, j, k] * x[i, j, k]
                    + w[1, i, j, k] * x[i - 1, j, k] + w[2, i, j, k] * x[i + 1, j, k]
                    + w[3, i, j, k] * x[i, j - 1, k] + w[4, i, j, k] * x[i, j + 1, k]
                    + w[5, i, j, k] * x[i, j, k - 1] + w[6, i, j, k] * x[i, j, k + 1]
                )  # fmt: skip


def least(function, repeats=7):
    """Least wall time of several calls, the first left out."""
    function()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        function()
        times.append(time.perf_counter() - start)
    return min(times), repeats


def rows(quick):
    """Bandwidth of the triad and time of stencil products on all threads."""
    size = 2**22 if quick else 2**25
    a, b, c = np.zeros(size), np.ones(size), np.ones(size)
    seconds, repeats = least(lambda: triad(a, b, c, 3.0))
    # Three arrays; the line of a is read before it is written, which the count leaves out.
    out = [_row("triad", f"{size}", size, seconds, repeats, 24 * size)]
    for kernel, n, d in ((plane_product, 1024, 2), (space_product, 128, 3)):
        x = np.ones((n,) * d)
        w, y = np.ones((2 * d + 1, *x.shape)), np.zeros_like(x)
        seconds, repeats = least(lambda k=kernel, w=w, x=x, y=y: k(w, x, y))
        name = f"product, {2 * d + 1} points"
        out.append(
            _row(name, "x".join([str(n)] * d), x.size, seconds, repeats, product_bytes(d) * x.size)
        )
    return out


def product_bytes(d):
    """Bytes per cell that one product with 2d + 1 variable coefficients moves at least."""
    return 8 * (2 * d + 1 + 2)


def _row(case, cells, n_cells, seconds, repeats, moved):
    """One record."""
    return {
        "question": "machine", "case": case, "cells": cells, "n_cells": n_cells, "who": "numba",
        "seconds_min": seconds, "repeats": repeats, "bytes_moved": moved,
        "bandwidth_GB_s": moved / seconds / 1e9, "status": "ok",
    }  # fmt: skip
