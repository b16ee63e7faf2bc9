"""What was aimed at and what was reached, read off the records of a run.

Other modules put their own targets into the table by records with ``target`` and ``reached``, and
``met`` (True, False, or None where nothing was measured) and ``command`` if they like.
"""

import math

COMMAND = "python -m tests.benchmarks"
# Errors at which curves of work against precision are compared.
ERRORS = tuple(10.0**-k for k in range(2, 9))
BYTES = "peak_bytes_per_cell"


def of(results) -> list[dict]:
    """Targets of steady states, then those that modules report themselves."""
    steady = [r for r in results["records"] if r["question"] == "steady state"]
    found = {(r["case"], r["cells"], r["who"]): r for r in steady}

    def get(case, n, who="ours"):
        """Record of one grid, or an empty one."""
        cells = "x".join([str(n)] * (3 if case.endswith("3D") else 2))
        return found.get((case, cells, who), {"status": "not measured"})

    plane, space = "rotating OU, 2D", "rotating OU, 3D"
    mega, by_hand = get(plane, 1024), get(plane, 1024, "scipy by hand")
    words = "iterations grow at most 1.5-fold from"
    out = [
        _over("1024² rotating OU: at most 1/8 of SuperLU by hand", mega, by_hand),
        _at_most("1024² rotating OU: at most 400 bytes per cell", mega, BYTES, 400, plane),
        _solved("2048² solved", get(plane, 2048), plane),
        _solved("128³ solved", get(space, 128), space),
        _at_most("256³ solved within 16 GiB", get(space, 256), "peak_GiB", 16, space),
        _growth(f"{words} 128² to 1024²", get(plane, 128), mega, plane),
        _growth(f"{words} 32³ to 128³", get(space, 32), get(space, 128), space),
    ]
    for n in (1024, 512, 256, 128):
        plain, hard = get("turning D, kappa 1", n), get("turning D, kappa 100", n)
        if "seconds_min" in plain and "seconds_min" in hard:
            break
    out.append(_per_edge(plain, hard, n))
    out += [*_assembly(results), *_time(results), *_accuracy(results), *_spectrum(results)]
    for r in results["records"]:
        if "target" in r:
            row = {k: r.get(k) for k in ("target", "reached", "met", "command")}
            row["command"] = row["command"] or f"{COMMAND} only={r.get('module', r['question'])}"
            out.append(row)
    return out


def _row(target, reached, met, only):
    """One line."""
    return {"target": target, "reached": reached, "met": met, "command": f'{COMMAND} only="{only}"'}


def _measured(*records):
    """Why there is no figure, or None."""
    return next((r["status"] for r in records if r["status"] != "ok"), None)


def _over(target, ours, theirs):
    """Ratio of two times against 8."""
    only = "rotating OU, 2D"
    if why := _measured(ours, theirs):
        return _row(target, why, None, only)
    ratio = theirs["seconds_min"] / ours["seconds_min"]
    words = f"1/{ratio:.3g} ({ours['seconds_min']:.3g} s against {theirs['seconds_min']:.3g} s)"
    return _row(target, words, ratio >= 8, only)


def _at_most(target, record, name, most, only):
    """A number against its limit."""
    if (why := _measured(record)) or name not in record:
        return _row(target, why or "not measured", None, only)
    return _row(target, f"{record[name]:.3g}", record[name] <= most, only)


def _solved(target, record, only):
    """Whether there is a solution."""
    if why := _measured(record):
        return _row(target, why, None, only)
    words = f"{record['seconds_min']:.3g} s, {record['peak_bytes_per_cell']:.0f} bytes per cell"
    return _row(target, words, True, only)


def _growth(target, small, large, only):
    """Iterations on two grids."""
    if (why := _measured(small, large)) or not small.get("iterations"):
        return _row(target, why or "no iterations reported", None, only)
    ratio = large["iterations"] / small["iterations"]
    words = f"{small['iterations']} to {large['iterations']}"
    return _row(target, words, ratio <= 1.5, only)


def _per_edge(plain, hard, n):
    """Time per edge of kappa = 100 over that of isotropic D."""
    target = "kappa = 100, turning D(x): at most 4 times the isotropic time per edge"
    if (why := _measured(plain, hard)) or "edges" not in hard:
        return _row(target, why or "no edges reported", None, "turning D")
    one, two = (1e9 * r["seconds_min"] / r["edges"] for r in (plain, hard))
    words = f"{two / one:.3g} at {n}² ({two:.0f} ns against {one:.0f} ns)"
    return _row(target, words, two / one <= 4, "turning D")


def _records(results, question):
    """Measured records of one question."""
    records = results["records"]
    return [r for r in records if r["question"] == question and r["status"] == "ok"]


def _assembly(results):
    """Time of edges and generator over that of a product."""
    target = "assembly in at most 60 products"
    for r in _records(results, "assembly"):
        spent = r["assembly_wall"]
        yield _row(f"{target}: {r['case']}", f"{spent:.3g}", spent <= 60, "assembly")


def _time(results):
    """Least ratio of the strongest competitor to the default method at equal error."""
    records = _records(results, "work precision")
    for case, cells in dict.fromkeys((r["case"], r["cells"]) for r in records):
        mine = [r for r in records if (r["case"], r["cells"]) == (case, cells)]
        sides = [int(n) for n in cells.split("x")]
        large = len(sides) == 3 or math.prod(sides) >= 2**20
        factor = 10 if large else 3
        curves = {r["who"] for r in mine} - {"Exponential()", "Splitting()"}
        ratios = [
            (cost(mine, who, error) / cost(mine, "Exponential()", error), who, error)
            for who in sorted(curves)
            for error in ERRORS
            if cost(mine, who, error) < float("inf")
        ]
        if ratios:
            ratio, who, error = min(ratios)
            words = f"{ratio:.3g}, {who} at {error:g}"
            target = f"{case}, {cells}: {factor} times ahead of all at every error"
            yield _row(target, words, ratio >= factor, "work_precision")
    for r in _records(results, "implicit"):
        if r["who"] == "FluxCorrected" and r["cells"] == 256**2:
            target = "kappa = 100, circulating, 256²: L1 error of the transient at most 3e-3"
            yield _row(target, f"{r['error']:.2g}", r["error"] <= 3e-3, "implicit")


def cost(records, who, error):
    """Least time of a curve's points that are at least as accurate; inf if there is none."""
    times = [r["seconds_min"] for r in records if r["who"] == who and r["error"] <= error]
    return min(times, default=float("inf"))


def _accuracy(results):
    """Error and cost of accuracy=4 on the spiral."""
    for r in _records(results, "accuracy"):
        if r["case"] == "R3" and r["cells"] == "128x128":
            target = "accuracy=4 on R3 at 128²: 1e-6 in Phi at 4 times the cost of order 2"
            words = f"{r['Phi4']:.2g} at {r['cost']:.2g} times"
            yield _row(target, words, r["Phi4"] <= 1e-6 and r["cost"] <= 4, "accuracy")
            return


def _spectrum(results):
    """Time of six modes over that of the steady state."""
    for r in _records(results, "spectrum"):
        if r["cells"] == "512x512":
            ratio = r["steady_states"]
            target = f"{r['case']}, 512²: six modes in at most 10 steady states"
            yield _row(target, f"{ratio:.2g}", ratio <= 10, "spectrum")
