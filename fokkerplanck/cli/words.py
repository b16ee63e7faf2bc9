"""Types of the words of a command line: each returns the clean value, or says what is wanted."""

from __future__ import annotations

import argparse
import difflib
import math
import re
from collections.abc import Callable, Collection, Iterable
from itertools import pairwise
from pathlib import Path

from fokkerplanck.data import problem_names
from fokkerplanck.demos.talk import gallery
from fokkerplanck.domain.whole_files import file_path

#: Endings of pictures that matplotlib writes.
PICTURES = (".png", ".pdf", ".svg", ".jpg", ".jpeg", ".webp", ".tif", ".tiff", ".eps", ".ps")
#: Modules of fokkerplanck.demos.
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
#: Pictures that ``plot`` draws, and what each shows.
DRAWN = {
    "portrait": "density, potential and current side by side",
    "steady": "the three in one panel",
    "density": "steady density",
    "potential": "potential of the steady state",
    "current": "streamlines of the leftover field, in the plane",
    "spectrum": "slowest eigenvalues",
    "free_energy": "free energy along the run that the file asks for",
}
#: Numbers that ``sweep`` asks for.
ASKED = ("entropy_production", "mean", "covariance", "gap")
_Wrong = argparse.ArgumentTypeError


def nearest(word: str, known: Iterable[str]) -> str:
    """Say which known words are near; "" if none is."""
    names = {name.lower(): name for name in known}
    found = [names[u] for u in difflib.get_close_matches(word.lower(), list(names), 3)]
    return f"; did you mean {' or '.join(found)}?" if found else ""


def at_least(least: int) -> Callable[[str], int]:
    """Type of an integer option with a lower bound."""

    def integer(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            raise _Wrong(f"{text!r:.40} is no whole number; give one, at least {least}") from None
        if value < least:
            raise _Wrong(f"{value} is too small, at least {least}")
        return value

    return integer


def number(text: str) -> float:
    """Finite number."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise _Wrong(f"{text!r:.40} is no finite number; give one such as 0.5")
    return value


def numbers(text: str) -> list[float]:
    """Numbers with commas between them."""
    return [number(part.strip()) for part in text.split(",")]


def times(text: str) -> list[float]:
    """Output times: one number T stands for 0,T."""
    found = numbers(text)
    found = [0.0, *found] if len(found) == 1 else found
    if any(later <= sooner for sooner, later in pairwise(found)):
        raise _Wrong(f"{text!r:.40} does not increase; give times such as 0,1,2")
    return found


def chosen(known: Collection[str]) -> Callable[[str], str]:
    """Type of a word out of several."""

    def word(text: str) -> str:
        if text not in known:
            raise _Wrong(
                f"there is no {text!r:.40}{nearest(text, known)} (choose from {', '.join(known)})"
            )
        return text

    return word


def several(known: Collection[str]) -> Callable[[str], list[str]]:
    """Type of some words out of several, with commas between them."""

    def words(text: str) -> list[str]:
        return [chosen(known)(part.strip()) for part in text.split(",")]

    return words


def assignment(text: str) -> tuple[str, str]:
    """name=value."""
    name, equals, value = text.partition("=")
    if not equals:
        raise _Wrong(f"{text!r:.40} is no name=value; write a parameter as kT=0.2")
    if not name.isidentifier():
        raise _Wrong(f"{name!r:.40} in {text!r:.40} is no name; write a parameter as kT=0.2")
    if not value.strip():
        raise _Wrong(f"{name} has no value; write {name}=0.2")
    return name, value.strip()


def demonstration(text: str) -> str:
    """Name of a demonstration or of a slide."""
    return text if text in DEMOS else slide(text, DEMOS)


def slide(text: str, others: Collection[str] = ()) -> str:
    """Name of a slide; slide7 and 7 stand for slide07."""
    found = re.fullmatch(r"(?:slide)?0*(\d{1,2})", text)
    name = f"slide{int(found[1]):02d}" if found else text
    if name in gallery.names():
        return name
    if found and int(found[1]) in gallery.TEXT_ONLY:
        why = gallery.TEXT_ONLY[int(found[1])][1]
        raise _Wrong(f"slide {int(found[1])} is {why}: nothing to compute")
    hint = nearest(text, [*others, *gallery.names()])
    raise _Wrong(f"there is no {text!r:.40}{hint} (fokkerplanck demo --list shows all)")


def problem(text: str) -> str:
    """Name of a reference problem, in letters of any case, or of a problem file."""
    names = [name.lower() for pair in problem_names().items() for name in pair]
    if text.lower() in names:
        return text
    if looks_like_a_file(text):
        return problem_file(text)
    hint = nearest(text.lower(), names)
    raise _Wrong(
        f"name is {text!r:.40}, and no problem is called so{hint} (choose from R1 "
        "ornstein_uhlenbeck, R2 gyrator and the others that fokkerplanck verify --list shows, or "
        "give a problem file, NAME.toml)"
    )


def looks_like_a_file(text: str) -> bool:
    """Whether a word means a file and not a name."""
    return "/" in text or text.lower().endswith(".toml") or Path(text).is_file()


def problem_file(text: str) -> str:
    """Problem file that is there."""
    path = Path(text)
    if path.is_dir():
        raise _Wrong(f"{text!r:.60} is a folder; give a problem file in it, NAME.toml")
    if not path.is_file():
        if not looks_like_a_file(text) and text.lower() in {
            name.lower() for pair in problem_names().items() for name in pair
        }:
            raise _Wrong(
                f"{text!r:.40} is a reference problem and no file; ask it one thing, "
                f"fokkerplanck steady {text}"
            )
        near = nearest(path.name, [u.name for u in path.parent.glob("*.toml")])
        raise _Wrong(
            f"there is no file {text!r:.60}{near} (fokkerplanck new writes a problem file)"
        )
    return text


def picture(text: str) -> Path:
    """Name of a picture; without an ending it gets that of the default."""
    try:
        path = file_path(text, "the picture")
    except ValueError as error:
        raise _Wrong(str(error)) from None
    path = path if path.suffix else path.with_suffix(".png")
    if path.suffix.lower() not in PICTURES:
        raise _Wrong(f"{text!r} ends in {path.suffix!r}; choose from {', '.join(PICTURES)}")
    return path
