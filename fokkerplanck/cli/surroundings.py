"""``new``, a problem file to begin with, and ``info``, what this machine and this library are."""

from __future__ import annotations

import argparse
import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from fokkerplanck.cli.presentations import check_place
from fokkerplanck.cli.showing import json_text, named_rows, say
from fokkerplanck.cli.words import nearest
from fokkerplanck.domain.whole_files import written_whole
from fokkerplanck.kernels import threads
from fokkerplanck.linalg import memory
from fokkerplanck.problem_files import TEMPLATES, template
from fokkerplanck.version import __version__

PACKAGES = ("numpy", "scipy", "numba", "matplotlib", "tqdm", "xarray", "h5netcdf")
#: Endings of numba's files of compiled code: an index, and the code.
COMPILED = (".nbi", ".nbc")


def new(options: argparse.Namespace) -> None:
    """Write a commented problem file, never over another file."""
    if options.list:
        width = max(map(len, TEMPLATES))
        for name in TEMPLATES:
            titles = [u for u in template(name).splitlines() if u.startswith("title")]
            title = titles[0].partition("=")[2].strip().strip('"') if titles else ""
            say(f"{name:<{width}}  {title}")
        return
    if options.name not in TEMPLATES:
        raise ValueError(
            f"there is no template {options.name!r:.40}{nearest(options.name, TEMPLATES)} "
            f"({', '.join(TEMPLATES)})"
        )
    out = options.out or Path(f"{options.name}.toml")
    out = out if out.suffix else out.with_suffix(".toml")
    check_place(out, "--out")
    if out.exists():
        raise ValueError(f"{out} is there already; give another name, --out FILE.toml")
    with written_whole(out) as temporary:
        temporary.write_text(template(options.name), encoding="utf-8")
    say(f"{out} is written; fokkerplanck run {out} answers what it asks")


def info(options: argparse.Namespace) -> None:
    """Print versions, threads, compiled code and memory."""
    found = surroundings()
    if options.json:
        print(json_text(found))
        return
    say(named_rows({name: value for name, value in found.items() if value is not None}))


def surroundings() -> dict[str, Any]:
    """Facts by name; sizes in MB."""
    cache = Path(threads.cache_folder() or Path(threads.__file__).parent)
    files = [file for file in cache.rglob("*") if file.suffix in COMPILED]
    return {
        "fokkerplanck": __version__,
        "python": platform.python_version(),
        **{name: _version(name) for name in PACKAGES},
        "machine": f"{platform.system()} {platform.machine()}",
        "processors": os.cpu_count(),
        "threads": threads.number(),
        "threading layer": threads.layer(),
        "cache of compiled kernels": str(cache),
        "files in it": len(files),
        "its size in MB": round(sum(file.stat().st_size for file in files) / 1e6, 1),
        "free memory in MB": round(memory.available_bytes() / 1e6),
    }


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
