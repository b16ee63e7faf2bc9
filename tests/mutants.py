"""Do the tests notice? Small seeded faults, one at a time: `python -m tests.mutants`.

Each mutant changes one sign, index, comparison, average or threshold of a kernel, a scheme or a
check that raises, in a copy of the project. The tests of its own module run first, then those of
its room, the random ones, and all fast ones (`--near` leaves these out); a mutant that passes them
all has survived, and asks for a test. Minutes for each mutant that lives, seconds for most others.
"""

import argparse
import ast
import os
import random
import shutil
import subprocess
import sys
import time
from pathlib import Path

from numba.core.caching import _CacheLocator

from tests.conftest import ROOT

COPY = ROOT / ".cache" / "mutants"
#: Rooms of which every line may change; of the others only conditions under which they raise.
WHOLE = ("kernels", "domain", "equation", "scheme")
SWAPS = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult,
    ast.Lt: ast.GtE, ast.GtE: ast.Lt, ast.Gt: ast.LtE, ast.LtE: ast.Gt, ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq, ast.And: ast.Or, ast.Or: ast.And,
}  # fmt: skip


def may_change(node):
    """True for numbers, sums, comparisons and conditions."""
    if isinstance(node, ast.Constant):
        return type(node.value) in (int, float)
    if isinstance(node, ast.BinOp):
        texts = (ast.JoinedStr, ast.List, ast.Tuple)
        joins = any(isinstance(side, texts) for side in (node.left, node.right))
        return type(node.op) in SWAPS and not joins
    return isinstance(node, ast.BoolOp) or (
        isinstance(node, ast.Compare) and type(node.ops[0]) in SWAPS
    )


def places(tree, whole):
    """Nodes that can be changed: anywhere in functions, or where something is refused."""
    for node in ast.walk(tree):
        if whole and isinstance(node, ast.FunctionDef):
            roots = node.body
        elif isinstance(node, ast.If) and any(isinstance(line, ast.Raise) for line in node.body):
            roots = [node.test]
        else:
            continue
        yield from (leaf for root in roots for leaf in ast.walk(root) if may_change(leaf))


def change(node):
    """Change a node in place; what it was and what it is."""
    before = ast.unparse(node)
    if isinstance(node, ast.Constant):
        node.value = node.value + 1 if isinstance(node.value, int) else 2 * node.value or 1.0
    elif isinstance(node, ast.Compare):
        node.ops[0] = SWAPS[type(node.ops[0])]()
    else:
        node.op = SWAPS[type(node.op)]()
    return before, ast.unparse(node)


def mutant(rng, modules):
    """Path, line, what it was, what it is, and the text of a module with one fault."""
    path = rng.choice(modules)
    source = path.read_text()
    tree = ast.parse(source)
    found = list(places(tree, path.relative_to(ROOT / "fokkerplanck").parts[0] in WHOLE))
    if not found:
        return mutant(rng, modules)
    node = rng.choice(found)
    lines, (first, last) = source.splitlines(keepends=True), (node.lineno, node.end_lineno)
    start, end = node.col_offset, node.end_col_offset
    before, after = change(node)
    head = lines[first - 1].encode()[:start].decode()
    tail = lines[last - 1].encode()[end:].decode()
    text = [*lines[: first - 1], f"{head}({after}){tail}", *lines[last:]]
    return path, first, before, after, "".join(text)


def killed(tests, seconds):
    """The first test that fails, or None."""
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *tests]
    try:
        done = subprocess.run(
            command, cwd=COPY, capture_output=True, text=True, timeout=seconds, check=False,
            env=os.environ | {"NUMBA_CACHE_DIR": str(COPY / ".cache" / "numba")},
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return "(time)"
    if done.returncode in (0, 5):
        return None
    failed = [line for line in done.stdout.splitlines() if line.startswith(("FAILED", "ERROR"))]
    return failed[0].split(" - ")[0] if failed else f"(exit status {done.returncode})"


def rounds(path, near_only):
    """Tests to run one after the other: of the module, of its room, the random ones, all of them.

    The more of its name a test has, the nearer it is.
    """
    parts = path.relative_to(ROOT / "fokkerplanck").parts
    folders = [Path("tests", *parts[:k]) for k in range(len(parts) - 1, 0, -1)]
    room = next((folder for folder in folders if (ROOT / folder).is_dir()), None)
    words = set(path.stem.split("_"))
    tests = sorted((ROOT / room).rglob("test_*.py")) if room else []
    own = [test for test in tests if words & set(test.stem.split("_"))]
    found = [[str(test.relative_to(ROOT)) for test in own], [str(room)] if room else []]
    found = [names for names in found if names]
    return [*found, ["tests/fuzz"], *([] if near_only else [[]])]


def warm():
    """Take over what is compiled: numba keeps it by the place of a module, and its time."""
    kept = Path(os.environ.get("NUMBA_CACHE_DIR", ROOT / ".cache" / "numba"))
    for folder in {path.parent for path in (ROOT / "fokkerplanck" / "kernels").rglob("*.py")}:
        here, there = (
            _CacheLocator.get_suitable_cache_subpath(str(root / folder.relative_to(ROOT) / "_.py"))
            for root in (ROOT, COPY)
        )
        if (kept / here).is_dir():
            shutil.copytree(kept / here, COPY / ".cache" / "numba" / there, dirs_exist_ok=True)


def main(count, seed, seconds, near_only):
    """Print one line a mutant, then the survivors."""
    rng = random.Random(seed)
    shutil.rmtree(COPY / "fokkerplanck", ignore_errors=True)
    for name in subprocess.check_output(["git", "ls-files"], cwd=ROOT, text=True).splitlines():
        (COPY / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, COPY / name)
    warm()
    modules = sorted((ROOT / "fokkerplanck").rglob("*.py"))
    survivors, seen = [], set()
    while len(seen) < count:
        path, line, before, after, text = mutant(rng, modules)
        place = COPY / path.relative_to(ROOT)
        what = f"{path.relative_to(ROOT)}:{line}: {before} -> {after}"
        if what in seen:
            continue
        seen.add(what)
        began = time.perf_counter()
        try:
            place.write_text(text)
            by = None
            for tests in rounds(path, near_only):
                by = by or killed(tests, seconds if tests else 4 * seconds)
        finally:
            shutil.copy2(path, place)  # with its time, by which compiled code is known
        survivors += [what] if by is None else []
        verdict = "SURVIVED" if by is None else f"killed by {by}"
        print(
            f"{len(seen):3d} {what}\n    {verdict} ({time.perf_counter() - began:.0f} s)",
            flush=True,
        )
    print(f"\n{count - len(survivors)} of {count} killed, seed {seed}", *survivors, sep="\n")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=__doc__)
    parser.add_argument("--count", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=600, help="longer runs are killed")
    parser.add_argument("--near", action="store_true", help="tests of the room, random ones")
    options = parser.parse_args()
    main(options.count, options.seed, options.seconds, options.near)
