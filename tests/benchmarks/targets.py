"""What was aimed at and what was reached, read off the records of a run.

Other modules put their own targets into the table by records with ``target`` and ``reached``, and
``met`` (True, False, or None where nothing was measured) and ``command`` if they like.
"""

COMMAND = "python -m tests.benchmarks"
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
