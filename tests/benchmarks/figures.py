"""Figures of docs/benchmarks.md, drawn from the results file."""

import matplotlib as mpl
from matplotlib import patheffects, ticker
from matplotlib.figure import Figure

from tests.benchmarks import harness, machine

FOLDER = harness.ROOT / "docs" / "figures"
#: One colour and marker for each contender in every figure.
STYLE = {
    "ours": ("#0b6e4f", "o"), "ours, direct": ("#6bbf8f", "s"), "ours, default": ("#a3b18a", "D"),
    "ours, log": ("#a3b18a", "D"), "scipy by hand": ("#1f4e9c", "^"),
    "nine points by hand": ("#1f4e9c", "^"), "fplanck": ("#c0392b", "v"), "FiPy": ("#d98a1f", "P"),
    "py-pde": ("#7d3c98", "X"),
}  # fmt: skip
GREENS = ["#0b6e4f", "#6bbf8f", "#a3b18a"]
#: Panels of the work-precision figure where there are more than nine.
PANELS = [
    ("t = 0.1", "256x256"), ("t = 1", "256x256"), ("t = 10", "256x256"),
    ("t = 0.1", "1024x1024"), ("t = 1", "1024x1024"), ("t = 10", "1024x1024"),
    ("t = 1, coupling 0.5", "1024x1024"), ("t = 1", "64x64x64"), ("t = 1", "128x128x128"),
]  # fmt: skip
SPARE = ["#1f4e9c", "#c0392b", "#d98a1f", "#7d3c98", "#4d4d4d", "#0fa3b1", "#b5179e"]
INK = "#333333"
RC = {
    "font.size": 10, "axes.spines.top": False, "axes.spines.right": False, "axes.edgecolor": INK,
    "axes.labelcolor": INK, "xtick.color": INK, "ytick.color": INK, "axes.titlelocation": "left",
    "axes.titlesize": 11, "svg.hashsalt": "fokkerplanck",
}  # fmt: skip


def draw(results):
    """Draw every figure that the records suffice for; paths of the files."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    made = []
    with mpl.rc_context(RC):
        for name, make in FIGURES.items():
            figure = make(results)
            path = FOLDER / f"{name}.png"
            if figure is not None:
                figure.savefig(path, dpi=130, metadata={"Software": None})
                made.append(path)
    return made


def solved(results, case):
    """Records of one case that ended well, by contender and size."""
    out = {}
    for r in results["records"]:
        if r["question"] == "steady state" and r["case"] == case and r.get("seconds_min"):
            out.setdefault(r["who"], []).append(r)
    return {who: sorted(own, key=lambda r: r["n_cells"]) for who, own in out.items()}


def style(who, spare=0):
    """Colour and marker."""
    return STYLE.get(who, (SPARE[spare % len(SPARE)], "o"))


def label_ends(ax, ends):
    """Names at the right ends of curves, moved apart where curves end together (log axes)."""
    ax.figure.canvas.draw()
    to_pixel, back = ax.transData.transform, ax.transData.inverted().transform
    gap = 1.15 * mpl.rcParams["font.size"] * ax.figure.dpi / 72
    halo = [patheffects.withStroke(linewidth=2.5, foreground="white")]
    for x in {e[0] for e in ends}:
        here = sorted((e for e in ends if e[0] == x), key=lambda e: e[1])
        pixels = [to_pixel((x, e[1])) for e in here]
        heights = spread([py for _, py in pixels], gap)
        for (px, _), py, (_, _, words, colour) in zip(pixels, heights, here, strict=True):
            ax.text(
                *back((px + 9, py)), words, color=colour, va="center", clip_on=False,
                path_effects=halo,
            )  # fmt: skip


def spread(heights, gap):
    """Increasing heights moved as little as possible to be a gap apart (pooled neighbours)."""
    pools = []  # [mean of height - index * gap, how many]
    for i, y in enumerate(heights):
        pools.append([y - i * gap, 1])
        while len(pools) > 1 and pools[-2][0] > pools[-1][0]:
            (a, m), (b, n) = pools[-2:]
            pools[-2:] = [[(m * a + n * b) / (m + n), m + n]]
    levels = [level for level, count in pools for _ in range(count)]
    return [level + i * gap for i, level in enumerate(levels)]


def plain_numbers(axis):
    """Ticks of a log axis at 1, 2 and 5, written out."""
    axis.set_major_locator(ticker.LogLocator(10, subs=(1, 2, 5)))
    axis.set_major_formatter(ticker.FuncFormatter(lambda v, _: f"{v:g}"))
    axis.set_minor_locator(ticker.NullLocator())


def sizes_axis(ax, records):
    """Ticks at the grids, named by their sides."""
    ticks = sorted({(r["n_cells"], r["cells"]) for r in records})
    ax.set_xscale("log")
    ax.xaxis.set_major_locator(ticker.FixedLocator([n for n, _ in ticks]))
    names = [f"${c.split('x')[0]}^{c.count('x') + 1}$" for _, c in ticks]
    ax.xaxis.set_major_formatter(ticker.FixedFormatter(names))
    ax.xaxis.set_minor_locator(ticker.NullLocator())
    ax.set_xlabel("cells")


def time_panel(ax, results, case, title):
    """Time against cells, with the time of one product at full bandwidth."""
    found = solved(results, case)
    ends, everything = [], [r for own in found.values() for r in own]
    for i, (who, own) in enumerate(found.items()):
        colour, marker = style(who, i)
        lost = [r for r in own if r["status"] != "ok"]
        x, y = [r["n_cells"] for r in own], [r["seconds_min"] for r in own]
        ax.plot(x, y, marker=marker, color=colour, lw=2.4 if who == "ours" else 1.4, ms=6)
        # Hollow: stopped at its limit without an answer.
        ax.plot(
            [r["n_cells"] for r in lost], [r["seconds_min"] for r in lost], marker, mfc="white",
            color=colour, ms=7,
        )  # fmt: skip
        last = own[-1]
        words = who if last["status"] == "ok" else f"{who} (no answer)"
        ends.append((last["n_cells"], last["seconds_min"], words, colour))
    speed = harness.bandwidth(results["records"])
    if everything and speed:
        n = sorted({r["n_cells"] for r in everything})
        dim = everything[0]["cells"].count("x") + 1
        bound = [machine.product_bytes(dim) * m / speed for m in n]
        ax.plot(n, bound, color="#999999", lw=1.2, ls="--")
        ends.append((n[-1], bound[-1], "one product at\nmemory speed", "#777777"))
    ax.set_yscale("log")
    ax.grid(axis="y", color="#e6e6e6", lw=0.8)
    ax.set_axisbelow(True)
    sizes_axis(ax, everything)
    ax.set_title(title)
    return ends


def steady_figure(results):
    """Steady states of the rotating process in the plane and in space."""
    cases = [c for c in ("rotating OU, 2D", "rotating OU, 3D") if solved(results, c)]
    return panels(results, cases, time_panel, "seconds to the steady state") if cases else None


def hard_figure(results):
    """Double well, and a D of condition number 100."""
    cases = [c for c in ("double well", "turning D, kappa 100") if solved(results, c)]
    return panels(results, cases, time_panel, "seconds to the steady state") if cases else None


def memory_panel(ax, results, case, title):
    """Bytes per cell against cells."""
    found, ends, everything = solved(results, case), [], []
    for i, (who, own) in enumerate(found.items()):
        own = [r for r in own if "peak_bytes_per_cell" in r and r["status"] == "ok"]
        if not own:
            continue
        colour, marker = style(who, i)
        x, y = [r["n_cells"] for r in own], [r["peak_bytes_per_cell"] for r in own]
        ax.plot(x, y, marker=marker, color=colour, lw=2.4 if who == "ours" else 1.4, ms=6)
        ends.append((x[-1], y[-1], who, colour))
        everything += own
    ax.set_yscale("log")
    ax.grid(axis="y", color="#e6e6e6", lw=0.8)
    ax.set_axisbelow(True)
    sizes_axis(ax, everything)
    plain_numbers(ax.yaxis)
    ax.set_title(title)
    return ends


def memory_figure(results):
    """Peak memory of steady states."""
    cases = [c for c in ("rotating OU, 2D", "rotating OU, 3D") if solved(results, c)]
    return panels(results, cases, memory_panel, "bytes per cell") if cases else None


def panels(results, cases, panel, words):
    """One panel per case side by side, curves named at their ends."""
    figure = Figure(figsize=(5.2 * len(cases), 4.6))
    axes = figure.subplots(1, len(cases), squeeze=False)[0]
    all_ends = [
        panel(ax, results, case, f"{case}\n{words}") for ax, case in zip(axes, cases, strict=True)
    ]
    sides = {"left": 0.11 / len(cases), "right": 1 - 0.26 / len(cases)}
    figure.subplots_adjust(**sides, bottom=0.12, top=0.87, wspace=0.52)
    for ax, ends in zip(axes, all_ends, strict=True):
        label_ends(ax, ends)
    return figure


def work_precision_figure(results):
    """Error against time, one panel per case and grid, from records with both."""
    groups = {}
    for r in results["records"]:
        if r["question"] == "work precision" and r.get("error") and r.get("seconds_min"):
            groups.setdefault((r["case"], r["cells"]), {}).setdefault(r["who"], []).append(r)
    groups = {k: v for k, v in groups.items() if len(v) > 1}
    if not groups:
        return None
    shown = [key for key in PANELS if key in groups] if len(groups) > 9 else list(groups)[:9]
    names = list(dict.fromkeys(who for key in shown for who in groups[key]))
    own = [who for who in names if harness.is_ours(who)]
    colours = {who: (GREENS[i % len(GREENS)], "o") for i, who in enumerate(own)}
    others = [who for who in names if who not in own]
    colours |= {who: (SPARE[i % len(SPARE)], "^vPXsD"[i % 6]) for i, who in enumerate(others)}
    columns = min(3, len(shown))
    lines = -(-len(shown) // columns)
    figure = Figure(figsize=(3.7 * columns, 2.9 * lines + 0.6), layout="constrained")
    axes = figure.subplots(lines, columns, squeeze=False, sharex=True)
    for ax in axes.ravel()[len(shown) :]:
        ax.remove()
    handles = {}
    for ax, (case, cells) in zip(axes.ravel(), shown, strict=False):
        for who, curve in groups[case, cells].items():
            curve = sorted(curve, key=lambda r: r["error"])
            colour, marker = colours[who]
            (handles[who],) = ax.plot(
                [r["error"] for r in curve], [r["seconds_min"] for r in curve], marker=marker,
                color=colour, ms=4.5, lw=2.4 if who in own else 1.2, zorder=3 if who in own else 2,
            )  # fmt: skip
        ax.set_yscale("log")
        ax.grid(color="#eeeeee", lw=0.8)
        sides = cells.split("x")
        ax.set_title(f"{case}, ${sides[0]}^{len(sides)}$")
    axes[0, 0].set_xscale("log")
    axes[0, 0].set_xlim(3e-1, 3e-16)  # what is exact to rounding is at the right
    figure.supxlabel("error against the exact semigroup (better to the right)")
    figure.supylabel("seconds")
    where = {"loc": "outside upper center", "ncols": 4, "frameon": False}
    figure.legend(handles.values(), handles.keys(), **where)
    return figure


FIGURES = {
    "bench_steady": steady_figure,
    "bench_hard": hard_figure,
    "bench_memory": memory_figure,
    "bench_work_precision": work_precision_figure,
}
