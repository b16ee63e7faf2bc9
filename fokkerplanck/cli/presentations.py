"""Demonstrations, the slides of the talk, kernels compiled beforehand."""

from __future__ import annotations

import argparse
import inspect
import os
import shutil
import time
from importlib import import_module
from pathlib import Path

from tqdm import tqdm

from fokkerplanck.cli.showing import say
from fokkerplanck.cli.words import DEMOS
from fokkerplanck.demos.talk import gallery
from fokkerplanck.domain.whole_files import file_path, written_whole


def check_place(path: Path, option: str) -> None:
    """Refuse a file that cannot be written, before the work."""
    if not path.parent.is_dir():
        raise ValueError(f"{option} {path}: there is no folder {path.parent}; make it first")
    if not os.access(path.parent, os.W_OK):
        raise ValueError(f"{option} {path}: nothing may be written into {path.parent}")
    file_path(path, option)


def demo(options: argparse.Namespace) -> None:
    """Run a demonstration; print its table and write its picture."""
    if options.list:
        for name, text in DEMOS.items():
            say(f"{name}  {text}")
        say(f"{', '.join(gallery.names())}  slides of the talk, see fokkerplanck talk")
        return
    name = options.name
    out = options.out or Path(f"fokkerplanck-{name}.png")
    check_place(out, "--out")
    is_slide = name in gallery.names()
    module = gallery.load(name) if is_slide else import_module(f"fokkerplanck.demos.{name}")
    began = time.perf_counter()
    settings = dict(module.QUICK if options.quick else {})
    if options.n is not None:
        if "n" not in inspect.signature(module.compute).parameters:
            raise ValueError(f"--n {options.n}: {name} has no grid to choose; leave it out")
        settings["n"] = options.n
    result = module.compute(**settings, seed=options.seed, progress=True)
    if is_slide:
        say(f"Slide {module.SLIDE.number}. {module.SLIDE.title}\nThe claim: {module.SLIDE.claim}")
    else:
        say(module.TITLE)
    say(module.table(result))
    if is_slide:
        say(str(module.finding(result)))
    with written_whole(out) as temporary:
        module.figure(result).savefig(temporary, dpi=150)
    if hasattr(module, "movie"):  # beside the picture; MP4 if ffmpeg is installed, else GIF
        say(f"movie: {module.movie(result, out.with_suffix(''))}")
    say(f"picture: {out} ({time.perf_counter() - began:.0f} s)")


def talk(options: argparse.Namespace) -> None:
    """Run the slides; write a page that shows them, and say which were found to hold."""
    if options.out.exists() and not options.out.is_dir():
        raise ValueError(f"--out {options.out} is a file; give the name of a folder")
    if options.markdown:
        check_place(options.markdown, "--markdown")
    options.out.mkdir(parents=True, exist_ok=True)
    found = []
    names = options.only or gallery.names()
    with tqdm(total=len(names), unit=" slides", disable=None) as bar:
        for entry in gallery.entries(options.out, names, options.quick, options.seed):
            found.append(entry)
            slide, word = entry.slide, entry.finding.word
            bar.write(f"{slide.number:2d}  {slide.title}: {word} ({entry.seconds:.0f} s)")
            bar.update()
    pages = {options.out / "index.html": gallery.html(found)}
    if options.markdown:
        pages[options.markdown] = gallery.markdown(found)
        pictures = options.markdown.parent / "figures" / "talk"
        pictures.mkdir(parents=True, exist_ok=True)
        for entry in found:
            shutil.copyfile(options.out / entry.picture, pictures / entry.picture)
    for path, text in pages.items():
        with written_whole(path) as temporary:
            temporary.write_text(text, encoding="utf-8")
        say(f"page: {path}")


def warmup(options: argparse.Namespace) -> None:
    """Call every kernel once on small problems, alone and with threads."""
    began = time.perf_counter()
    import_module("fokkerplanck.demos.all_kernels").compute()
    say(f"kernels are ready ({time.perf_counter() - began:.0f} s)")
