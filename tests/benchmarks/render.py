"""Tables of docs/benchmarks.md from docs/benchmarks.json: ``python -m tests.benchmarks.render``.

The page is prose with places for tables, from ``<!-- begin NAME -->`` to ``<!-- end NAME -->``, and
only these are written. Figures are drawn from the same file.
"""

import re

from tests.benchmarks import cases, contenders, harness, targets

ROOT = harness.ROOT
PAGE = ROOT / "docs" / "benchmarks.md"
RESULTS = ROOT / "docs" / "benchmarks.json"
#: Questions with tables of their own.
KNOWN = ("machine", "steady state", "latency", "work precision")
#: Columns that say how a record came about, not what was found.
HIDDEN = {
    "question", "job", "date", "module", "status", "n_cells", "seconds", "schema", "bytes_moved",
    "errors", "orders", "target", "reached", "met", "wall", "command", "source",
}  # fmt: skip
HEADS = {
    "seconds_min": "seconds", "ratio_to_ours": "ratio to ours", "peak_bytes_per_cell": "bytes/cell",
    "products": "products at full bandwidth",
}  # fmt: skip
#: Shown in whatever column they are.
SECONDS = {"seconds_min", "setup", "cold_seconds"}


def table(heads, rows) -> str:
    """Markdown table."""
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join("| " + " | ".join(str(c) for c in line) + " |" for line in lines)


def number(value) -> str:
    """Short text of a value."""
    if value is None or value == "":
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return str(value)
    if not isinstance(value, float):
        return str(value).replace("|", "\\|")
    if value == 0:
        return "0"
    if value != value:
        return "nan"
    if 1e-3 <= abs(value) < 1e5:
        return f"{value:.3g}" if abs(value) < 1000 else f"{value:.0f}"
    return f"{value:.1e}"


def seconds(value) -> str:
    """Time with its unit."""
    return f"{number(1e3 * value)} ms" if value < 0.1 else f"{number(float(value))} s"


def ordered(values) -> list:
    """Each once, as they came."""
    return list(dict.fromkeys(values))


def short(cells) -> str:
    """512x512 as 512²."""
    sides = cells.split("x")
    power = {2: "²", 3: "³"}.get(len(sides), "")
    return sides[0] + power if len(set(sides)) == 1 else cells


def machine_table(results) -> str:
    """Processor, versions, and what memory can do."""
    machine, versions = results["machine"], results["versions"]
    lines = [
        [
            "processor",
            f"{machine['processor']}, {machine['cores']} cores, {machine['threads']} threads",
        ],
        ["memory", f"{machine['memory_GiB']} GiB, {machine['system']}"],
        ["versions", ", ".join(f"{k} {v}" for k, v in versions.items())],
        ["source", f"{_sources(results)}, {results['mode']} run, {_dates(results['records'])}"],
    ]
    for r in results["records"]:
        if r["question"] == "machine" and "bandwidth_GB_s" in r:
            cells = "" if r["case"] == "triad" else f" on {short(r['cells'])}"
            moved = f"{seconds(r['seconds_min'])}, {r['bandwidth_GB_s']:.1f} GB/s"
            lines.append([f"{r['case']}{cells}", moved])
    return table(["what", "is"], lines)


def _sources(results):
    """Digests of the library's source that the records were measured with."""
    return ", ".join(
        ordered([results["source"], *(r["source"] for r in results["records"] if "source" in r)])
    )


def _dates(records):
    """First to last day."""
    days = sorted({r["date"] for r in records if "date" in r})
    return " to ".join(ordered([days[0], days[-1]])) if days else "no date"


def steady(results) -> list[dict]:
    """Records of steady states."""
    return [r for r in results["records"] if r["question"] == "steady state"]


def grid_of(records, entry) -> str:
    """One table per case: a line for every grid, a column for every contender."""
    parts = []
    for case in ordered(r["case"] for r in records):
        own = [r for r in records if r["case"] == case]
        names, sizes = ordered(r["who"] for r in own), ordered(r["cells"] for r in own)
        sizes.sort(key=lambda cells: int(cells.split("x")[0]))
        found = {(r["cells"], r["who"]): entry(r) for r in own}
        rows = [[short(c), *(found.get((c, w), "") for w in names)] for c in sizes]
        parts.append(f"**{case}**\n\n" + table(["cells", *names], rows))
    return "\n\n".join(parts)


def time_entry(r) -> str:
    """Seconds and ratio to ours, or why there are none."""
    if "seconds_min" not in r:
        return r["status"]
    text = seconds(r["seconds_min"])
    if r["status"] != "ok":
        return r["status"]
    if r.get("scheme") == "exact":
        text += ", closed form"
    if r["who"] != "ours" and "ratio_to_ours" in r:
        text += f" ({number(r['ratio_to_ours'])})"
    return text


def error_entry(r) -> str:
    """L1 distance from the exact density; in words if the contender did not get there."""
    if "error" not in r:
        return "" if "seconds_min" in r else "-"
    text = f"{r['error']:.1e}"
    return text if r["status"] == "ok" else f"{text}, not converged"


def memory_entry(r) -> str:
    """Peak bytes per cell above the inputs."""
    return f"{r['peak_bytes_per_cell']:.0f}" if "peak_bytes_per_cell" in r else "-"


def bandwidth_table(results) -> str:
    """How far from the speed of memory: contenders that have a time, each on its largest grid."""
    rows = []
    records = [r for r in steady(results) if r["status"] == "ok" and "products" in r]
    for case in ordered(r["case"] for r in records):
        for who in ordered(r["who"] for r in records if r["case"] == case):
            own = [r for r in records if r["case"] == case and r["who"] == who]
            r = max(own, key=lambda r: r["n_cells"])
            rows.append([
                case, who, short(r["cells"]), seconds(r["seconds_min"]), number(r["products"]),
                number(1e9 * r["seconds_min"] / r["n_cells"]), r.get("iterations") or "",
                seconds(r["setup"]) if who.startswith("ours") else "",
            ])  # fmt: skip
    heads = [
        "case",
        "who",
        "cells",
        "time",
        "products",
        "ns per cell",
        "iterations",
        "making the problem",
    ]
    return table(heads, rows)


def latency_table(results) -> str:
    """Import and first call."""
    rows = []
    for r in results["records"]:
        if r["question"] == "latency":
            warm = seconds(r["seconds_min"]) if "seconds_min" in r else r["status"]
            cold = seconds(r["cold_seconds"]) if "cold_seconds" in r else ""
            rows.append([r["case"], r["who"], cold, warm])
    return table(["what", "who", "cold", "warm"], rows)


def ways_table(results) -> str:
    """How each contender was used."""
    taking_part = {r["who"] for r in steady(results)}
    ways = {name: c.way for name, c in contenders.by_name().items() if name in taking_part}
    return table(["who", "how"], ways.items())


def cases_table(results) -> str:
    """The problems."""
    made = {name: cases.case(name).text for name in ordered(r["case"] for r in steady(results))}
    return table(["case", "is"], made.items())


def targets_table(results) -> str:
    """What was aimed at."""
    rows = [
        [t["target"], t["reached"], number(t["met"]), f"`{t['command']}`"]
        for t in targets.of(results)
    ]
    return table(["target", "reached", "met", "measured by"], rows)


def cost(records, error) -> float | None:
    """Time of the cheapest record that is at least as accurate."""
    return min((r["seconds_min"] for r in records if r["error"] <= error), default=None)


def work_table(results) -> str:
    """Time of the others over ours at equal error; the least of errors 1e-2, 1e-3, ... 1e-8."""
    records = [r for r in results["records"] if r["question"] == "work precision" and "error" in r]
    rows, errors = [], [10.0**-k for k in range(2, 9)]
    for case, cells in ordered((r["case"], r["cells"]) for r in records):
        own = [r for r in records if (r["case"], r["cells"]) == (case, cells)]
        best = {e: cost([r for r in own if harness.is_ours(r["who"])], e) for e in errors}
        for who in ordered(r["who"] for r in own if not harness.is_ours(r["who"])):
            theirs = [r for r in own if r["who"] == who]
            pairs = {e: (cost(theirs, e), best[e]) for e in errors}
            ratios = {e: a / b for e, (a, b) in pairs.items() if a and b}
            least = min(ratios, key=ratios.get, default=None)
            worst = "" if least is None else f"{number(ratios[least])} at {least:.0e}"
            rows.append([
                case, short(cells), who, *(number(ratios.get(e)) for e in (1e-3, 1e-6)), worst,
            ])  # fmt: skip
    if not rows:
        return "Not measured."
    picture = "![Time against error, one panel for each grid and time]"
    heads = ["case", "cells", "who", "at 1e-3", "at 1e-6", "least"]
    return f"{picture}(figures/bench_work_precision.png)\n\n" + table(heads, rows)


def other_tables(results) -> str:
    """Records of all other modules: a table per question, with the columns that vary."""
    parts = []
    records = [r for r in results["records"] if r["question"] not in KNOWN and "target" not in r]
    for question in ordered(r["question"] for r in records):
        own = [r for r in records if r["question"] == question]
        columns = [c for c in ordered(k for r in own for k in r) if c not in HIDDEN]
        columns = [c for c in columns if any(_shown(r.get(c)) for r in own)]
        rows = [[_cell(c, r.get(c)) for c in columns] for r in own]
        if any(r["status"] != "ok" for r in own):
            columns.append("status")
            rows = [[*row, r["status"]] for row, r in zip(rows, own, strict=True)]
        parts.append(
            f"### {question}\n\n"
            + table([HEADS.get(c, c.replace("_", " ")) for c in columns], rows)
        )
    return "\n\n".join(parts) or "Not measured."


def _shown(value):
    """Whether a value fits in a cell."""
    return value not in (None, "") and not isinstance(value, list | dict)


def _cell(column, value):
    """Text of one value."""
    if not _shown(value):
        return ""
    if column in SECONDS and isinstance(value, int | float):
        return seconds(value)
    return short(value) if column == "cells" and isinstance(value, str) else number(value)


TABLES = {
    "targets": targets_table,
    "machine": machine_table,
    "cases": cases_table,
    "ways": ways_table,
    "times": lambda results: grid_of(steady(results), time_entry),
    "errors": lambda results: grid_of(steady(results), error_entry),
    "memory": lambda results: grid_of(steady(results), memory_entry),
    "bandwidth": bandwidth_table,
    "latency": latency_table,
    "work": work_table,
    "others": other_tables,
}


def text(results) -> str:
    """All tables, for the terminal."""
    return "\n\n".join(f"== {name}\n\n{make(results)}" for name, make in TABLES.items())


def page(results, old: str) -> str:
    """The page with its tables written anew; ValueError for a place that no table is for."""
    names = re.findall(r"<!-- begin (\w+) -->", old)
    if unknown := [name for name in names if name not in TABLES]:
        raise ValueError(f"{PAGE.name} has places for {unknown}; there are {', '.join(TABLES)}")
    if missing := [name for name in TABLES if name not in names]:
        raise ValueError(f"{PAGE.name} has no place for {missing}")
    for name in names:
        new = f"<!-- begin {name} -->\n\n{TABLES[name](results)}\n\n<!-- end {name} -->"
        pattern = rf"<!-- begin {name} -->.*?<!-- end {name} -->"
        old = re.sub(pattern, lambda _, new=new: new, old, flags=re.DOTALL)
    return old


def main():
    """Write page and figures."""
    from tests.benchmarks import figures

    results = harness.load(RESULTS)
    if not results["records"]:
        raise SystemExit(f"no results in {RESULTS.name}; run python -m tests.benchmarks first")
    PAGE.write_text(page(results, PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    print(PAGE.relative_to(ROOT), *(p.relative_to(ROOT) for p in figures.draw(results)), sep="\n")


if __name__ == "__main__":
    main()
