"""Steady states: the problems, the grids and who takes part."""

from tests.benchmarks.harness import Job

PEERS = ("scipy by hand", "fplanck", "FiPy", "py-pde")
#: Largest number of cells a side for which a contender is asked at all, by case.
LARGEST = {
    "rotating OU, 2D": {
        "ours": 2048, "ours, direct": 512, "scipy by hand": 1024, "fplanck": 512, "FiPy": 512,
        "py-pde": 256,
    },
    "double well": {
        "ours": 1024, "ours, default": 1024, "scipy by hand": 1024, "fplanck": 256, "FiPy": 256,
        "py-pde": 128,
    },
    "turning D, kappa 1": {"ours": 1024, "nine points by hand": 512},
    "turning D, kappa 100": {
        "ours": 1024, "ours, direct": 256, "ours, log": 256, "nine points by hand": 1024,
    },
    "rotating OU, 3D": {
        "ours": 256, "ours, direct": 32, "scipy by hand": 32, "fplanck": 32, "FiPy": 32,
    },
}  # fmt: skip
SIZES = {2: (128, 256, 512, 1024, 2048), 3: (32, 64, 128, 256)}
#: Quick mode: which sizes, and who.
QUICK = {
    "rotating OU, 2D": (
        (128, 256), {"ours", "ours, direct", "scipy by hand", "fplanck", "FiPy", "py-pde"},
    ),
    "double well": ((128,), {"ours", "ours, default", "scipy by hand"}),
    "turning D, kappa 1": ((128,), {"ours"}),
    "turning D, kappa 100": ((128,), {"ours", "nine points by hand"}),
    "rotating OU, 3D": ((32,), {"ours", "scipy by hand"}),
}  # fmt: skip
#: In quick mode these are slow enough to be asked on the first grid only.
SLOW = ("fplanck", "FiPy", "py-pde")
LIMIT = {"quick": 30.0, "full": 300.0}
#: Seconds that py-pde may march in time, compilation left out.
PYPDE = {"quick": 5.0, "full": 120.0}


def jobs(quick):
    """One job per case, grid and contender."""
    mode, out = "quick" if quick else "full", []
    for case, largest in LARGEST.items():
        d = 3 if case.endswith("3D") else 2
        sizes, chosen = QUICK[case] if quick else (SIZES[d], set(largest))
        for n in sizes:
            for who, most in largest.items():
                if n > most or who not in chosen or (quick and who in SLOW and n > sizes[0]):
                    continue
                words = {"n": n} | ({"march": PYPDE[mode]} if who == "py-pde" else {})
                cells = "x".join([str(n)] * d)
                # py-pde compiles for tens of seconds, twice.
                limit = LIMIT[mode] + (150.0 if who == "py-pde" else 0.0)
                out.append(Job("steady state", case, who, cells, limit=limit, arguments=words))
    return out
