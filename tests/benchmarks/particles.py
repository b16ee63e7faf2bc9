"""Updates of particles per second: ``python tests/benchmarks/particles.py [quick]``.

The kernel that interpolates drift and noise against numpy calling the problem's functions, on the
same problem with the same random numbers, in one process, in turns; least of three.
"""

import sys
import time

import fokkerplanck as fp
from fokkerplanck import zoo

#: Reference, cells per side.
CASES = {
    "R9": (zoo.noise_induced_transition, 200),
    "R2": (zoo.gyrator, 64),
    "E3": (zoo.ring, 96),
    "R16": (lambda: zoo.manufactured_space("mixed"), 32),
}
SCHEMES = ("euler_maruyama", "weak2")


def seconds(problem, n_particles, steps, scheme, interpolate):
    """Seconds of one run from the middle of the box."""
    start = time.perf_counter()
    middle = [sum(pair) / 2 for pair in problem.grid.box]
    fp.sde.simulate(
        problem, middle, dt=1e-3, steps=steps, n_particles=n_particles, scheme=scheme,
        interpolate=interpolate,
    )  # fmt: skip
    return time.perf_counter() - start


def rows(quick):
    """One dict a case and scheme: updates per second both ways, and their ratio."""
    n_particles, steps = (2000, 20) if quick else (20_000, 100)
    out = []
    for code, (make, n) in CASES.items():
        problem = make().build(n)
        for scheme in SCHEMES:
            spent = {True: [], False: []}
            seconds(problem, 100, 2, scheme, True)  # compiled
            for _ in range(3):
                for interpolate, times in spent.items():
                    times.append(seconds(problem, n_particles, steps, scheme, interpolate))
            fast, slow = (n_particles * steps / min(spent[key]) for key in (True, False))
            out.append(
                {"question": "particles", "case": f"{code}, {scheme}", "kernel": fast,
                 "numpy": slow, "ratio": fast / slow}
            )  # fmt: skip
    return out


def main(quick):
    """Print the table."""
    print("| case | kernel, updates/s | numpy, updates/s | ratio |\n|---|---|---|---|")
    for row in rows(quick):
        print("| {case} | {kernel:.2g} | {numpy:.2g} | {ratio:.1f} |".format(**row))


if __name__ == "__main__":
    main("quick" in sys.argv)
