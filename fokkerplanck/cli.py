"""The command line: ``fokkerplanck demo sgd``, ``fokkerplanck warmup``, ``--version``."""

from __future__ import annotations

import argparse
import difflib
import inspect
import os
import re
import shutil
import sys
import textwrap
import time
from collections.abc import Callable, Collection, Sequence
from importlib import import_module
from pathlib import Path

from tqdm import tqdm

from fokkerplanck.data import problem_names
from fokkerplanck.demos.talk import gallery
from fokkerplanck.domain.whole_files import file_path, written_whole
from fokkerplanck.errors import ConvergenceError
from fokkerplanck.version import __version__

#: Endings of pictures that matplotlib writes.
PICTURES = (".png", ".pdf", ".svg", ".jpg", ".jpeg", ".webp", ".tif", ".tiff", ".eps", ".ps")
#: Characters of a line of text.
WIDTH = 100
# Modules of fokkerplanck.demos, imported when one runs, as all are that take a second to load:
# --help and wrong names are answered at once.
DEMOS = {
    "sgd": "minibatch SGD on the iris data against its Fokker-Planck steady state",
    "heat_flows": "the heat equation as steepest descent of two energies in two distances",
    "jko_line": "JKO steps on a line: free energy, orders in tau, particles",
    "jko_plane": "JKO steps in the plane, in the true Wasserstein distance",
    "jko_tensor": "JKO steps in the metric of a diffusion tensor that turns",
    "jko_circulation": "a JKO step for the reversible part, a Markov step for the circulation",
    "jko_energies": "porous medium, attraction, a crowd; Fisher and Rao's metric",
    "geodesic": "displacement interpolation between two densities, and mixing",
    "escape": "passage times over a barrier, committors, the reactive current",
    "moving_potential": "a true loss with constant noise whose potential moves with temperature",
    "noise_transition": "noise moves the most likely place to a maximum of the loss; with a movie",
    "abc_orbit": "chaotic orbits of j in three dimensions, although div j = 0",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    Parameters
    ----------
    arguments : sequence of str, optional
        Default ``sys.argv[1:]``.

    Returns
    -------
    int
        0; 1 if a computation or a theorem failed, 130 if it was interrupted. Wrong arguments end
        the program with status 2.

    Examples
    --------
    >>> from fokkerplanck.cli import main
    >>> main(["demo", "--list"])
    sgd  minibatch SGD on the iris data against its Fokker-Planck steady state
    ...
    0
    """
    options = _parser().parse_args(arguments)
    try:
        return options.run(options) or 0
    except KeyboardInterrupt:
        print("fokkerplanck: interrupted", file=sys.stderr)
        return 130
    except (ValueError, ConvergenceError, OSError) as error:
        print(_wrapped(f"fokkerplanck: {error}"), file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    """Build the parser: one function per subcommand."""
    parser = argparse.ArgumentParser(
        prog="fokkerplanck", description="Fokker-Planck equations on grids."
    )
    parser.add_argument("--version", action="version", version=f"fokkerplanck {__version__}")
    commands = parser.add_subparsers(required=True, metavar="command")

    demo = commands.add_parser("demo", help="run a demonstration: a table and a picture")
    which = demo.add_mutually_exclusive_group(required=True)
    which.add_argument("name", nargs="?", type=_demonstration, help="which one")
    which.add_argument("--list", action="store_true", help="list the demonstrations")
    demo.add_argument("--n", type=_at_least(16), default=None, help="grid cells per axis")
    demo.add_argument("--out", type=_picture, help="picture, default fokkerplanck-NAME.png")
    demo.add_argument("--seed", type=_at_least(0), default=0, help="of the random numbers")
    demo.add_argument("--quick", action="store_true", help="coarse and noisy, in a few seconds")
    demo.set_defaults(run=_demo)

    talk = commands.add_parser("talk", help="every slide of the talk, computed, on one page")
    talk.add_argument("--out", type=Path, default=Path("talk"), help="folder, default talk")
    talk.add_argument("--only", nargs="+", type=_slide, metavar="slideNN")
    talk.add_argument("--markdown", type=Path, help="also write the page in Markdown here")
    talk.add_argument("--seed", type=_at_least(0), default=0, help="of the random numbers")
    talk.add_argument("--quick", action="store_true", help="coarse and noisy")
    talk.set_defaults(run=_talk)

    verify = commands.add_parser("verify", help="check the paper's statements on a problem")
    verify.add_argument(
        "name", type=_problem, help="of a reference problem: a code or constructor of the zoo"
    )
    verify.add_argument("--n", type=_at_least(8), default=None, help="grid cells per axis")
    verify.add_argument("--quick", action="store_true", help="on a coarse grid")
    verify.set_defaults(run=_verify)

    warmup = commands.add_parser("warmup", help="compile all kernels now, for fast first calls")
    warmup.set_defaults(run=_warmup)
    return parser


def _at_least(least: int) -> Callable[[str], int]:
    """Type of an integer option with a lower bound."""

    def integer(text: str) -> int:
        value = int(text)
        if value < least:
            raise argparse.ArgumentTypeError(f"{value} is too small, at least {least}")
        return value

    return integer


def _demonstration(text: str) -> str:
    """Type of the name of a demonstration or of a slide."""
    return text if text in DEMOS else _slide(text, DEMOS)


def _slide(text: str, others: Collection[str] = ()) -> str:
    """Type of the name of a slide; slide7 and 7 stand for slide07."""
    found = re.fullmatch(r"(?:slide)?0*(\d{1,2})", text)
    name = f"slide{int(found[1]):02d}" if found else text
    if name in gallery.names():
        return name
    if found and int(found[1]) in gallery.TEXT_ONLY:
        why = gallery.TEXT_ONLY[int(found[1])][1]
        raise argparse.ArgumentTypeError(f"slide {int(found[1])} is {why}: nothing to compute")
    near = difflib.get_close_matches(text, [*others, *gallery.names()], 3)
    hint = f"; did you mean {' or '.join(near)}?" if near else ""
    raise argparse.ArgumentTypeError(
        f"there is no {text!r}{hint} (fokkerplanck demo --list shows all)"
    )


def _problem(text: str) -> str:
    """Type of the name of a reference problem, in letters of any case."""
    names = [name.lower() for pair in problem_names().items() for name in pair]
    if text.lower() in names:
        return text
    near = difflib.get_close_matches(text.lower(), names, 3)
    hint = f"; did you mean {' or '.join(dict.fromkeys(near))}?" if near else ""
    raise argparse.ArgumentTypeError(
        f"name is {text!r:.40}, and no problem is called so{hint} (choose from R1 "
        "ornstein_uhlenbeck, R2 gyrator and the others that zoo.table() lists)"
    )


def _picture(text: str) -> Path:
    """Type of the name of a picture; without an ending it gets that of the default."""
    try:
        path = file_path(text, "the picture")
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    path = path if path.suffix else path.with_suffix(".png")
    if path.suffix.lower() not in PICTURES:
        raise argparse.ArgumentTypeError(
            f"{text!r} ends in {path.suffix!r}; choose from {', '.join(PICTURES)}"
        )
    return path


def _check_place(path: Path, option: str) -> None:
    """Refuse a file that cannot be written, before the work."""
    if not path.parent.is_dir():
        raise ValueError(f"{option} {path}: there is no folder {path.parent}; make it first")
    if not os.access(path.parent, os.W_OK):
        raise ValueError(f"{option} {path}: nothing may be written into {path.parent}")
    file_path(path, option)


def _wrapped(text: str) -> str:
    """Text whose long lines are cut between words; rows of tables stay as they are."""
    lines = []
    for line in text.splitlines():
        indent = line[: len(line) - len(line.lstrip())]
        is_row = "  " in line.strip()
        lines += [line] if is_row else textwrap.wrap(line, WIDTH, subsequent_indent=indent + "  ")
        lines += [""] * (not line)
    return "\n".join(lines)


def _demo(options: argparse.Namespace) -> None:
    """Run a demonstration; print its table and write its picture."""
    if options.list:
        for name, text in DEMOS.items():
            print(f"{name}  {text}")
        print(f"{', '.join(gallery.names())}  slides of the talk, see fokkerplanck talk")
        return
    name = options.name
    out = options.out or Path(f"fokkerplanck-{name}.png")
    _check_place(out, "--out")
    is_slide = name in gallery.names()
    demo = gallery.load(name) if is_slide else import_module(f"fokkerplanck.demos.{name}")
    began = time.perf_counter()
    settings = dict(demo.QUICK if options.quick else {})
    if options.n is not None:
        if "n" not in inspect.signature(demo.compute).parameters:
            raise ValueError(f"--n {options.n}: {name} has no grid to choose; leave it out")
        settings["n"] = options.n
    result = demo.compute(**settings, seed=options.seed, progress=True)
    if is_slide:
        print(f"Slide {demo.SLIDE.number}. {demo.SLIDE.title}\nThe claim: {demo.SLIDE.claim}")
    else:
        print(demo.TITLE)
    print(demo.table(result))
    if is_slide:
        print(_wrapped(str(demo.finding(result))))
    with written_whole(out) as temporary:
        demo.figure(result).savefig(temporary, dpi=150)
    if hasattr(demo, "movie"):  # beside the picture; MP4 if ffmpeg is installed, else GIF
        print(f"movie: {demo.movie(result, out.with_suffix(''))}")
    print(f"picture: {out} ({time.perf_counter() - began:.0f} s)")


def _talk(options: argparse.Namespace) -> None:
    """Run the slides; write a page that shows them, and say which were found to hold."""
    if options.out.exists() and not options.out.is_dir():
        raise ValueError(f"--out {options.out} is a file; give the name of a folder")
    if options.markdown:
        _check_place(options.markdown, "--markdown")
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
        print(f"page: {path}")


def _verify(options: argparse.Namespace) -> int:
    """Print a table of verdicts and two lines for each; status 1 if a theorem fails."""
    theorems = import_module("fokkerplanck.theorems")
    try:
        problem = theorems.named(options.name, options.n)
    except ValueError as error:
        print(_wrapped(f"fokkerplanck verify: {error}"), file=sys.stderr)
        raise SystemExit(2) from None
    verdicts = theorems.verify(problem, quick=options.quick, progress=sys.stderr.isatty())
    print(_wrapped(str(verdicts)))
    return 0 if verdicts.ok else 1


def _warmup(options: argparse.Namespace) -> None:
    """Call every kernel once on small problems, alone and with threads."""
    began = time.perf_counter()
    import_module("fokkerplanck.demos.all_kernels").compute()
    print(f"kernels are ready ({time.perf_counter() - began:.0f} s)")
