"""All slides that can be computed, on one page: claim, finding, picture."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from html import escape
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from types import ModuleType

from fokkerplanck.demos import talk
from fokkerplanck.demos.talk.slide import Finding, Slide
from fokkerplanck.domain.whole_files import written_whole

#: Slides without anything to compute, and why.
TEXT_ONLY = {
    7: ("The question", "a question, in words"),
    23: ("Knots in our understanding", "a diagram of open questions, without a statement"),
    25: ("References", "a list of references: they are in docs/theory.md"),
}
TALK = 'Chaudhari and Soatto, "Stochastic gradient descent performs variational inference, '
TALK += 'converges to limit cycles for deep networks", arXiv:1710.11029'


@dataclass(frozen=True)
class Entry:
    """A slide that was run."""

    slide: Slide
    finding: Finding
    table: str
    picture: str  # name of the file, next to the page
    seconds: float


def names() -> list[str]:
    """Names of the slides with a computation, ``slide01`` and so on, in the order of the talk."""
    return list(_modules())


def _modules() -> dict[str, str]:
    """Modules by the names of their slides: ``slide09`` is in ``slide09_density_of_sgd``."""
    found = sorted(module.name for module in iter_modules(talk.__path__))
    return {
        name.partition("_")[0]: name for name in found if name.startswith("slide") and "_" in name
    }


def load(name: str) -> ModuleType:
    """Module of a slide, such as ``slide09``."""
    return import_module(f"fokkerplanck.demos.talk.{_modules()[name]}")


def run(name: str, folder: Path, quick=False, seed=0, progress=False) -> Entry:
    """Run one slide, such as ``slide09``: its picture goes to the folder."""
    module, began = load(name), time.perf_counter()
    result = module.compute(**(module.QUICK if quick else {}), seed=seed, progress=progress)
    picture = f"{name}.png"
    with written_whole(folder / picture) as path:
        module.figure(result).savefig(path, dpi=110, format="png")
    seconds = time.perf_counter() - began
    return Entry(module.SLIDE, module.finding(result), module.table(result), picture, seconds)


def entries(folder: Path, only=None, quick=False, seed=0) -> Iterator[Entry]:
    """Slides one after the other; those that this code has run before are read from the folder.

    So a build that was interrupted goes on where it stopped. Only some: by their names.
    """
    key = {"code": fingerprint(), "quick": quick, "seed": seed}
    for name in only or names():
        record = folder / f"{name}.json"
        entry = _recorded(record, key)
        if entry is None:
            entry = run(name, folder, quick, seed)
            with written_whole(record) as path:
                path.write_text(json.dumps(key | asdict(entry)), encoding="utf-8")
        yield entry


def fingerprint() -> str:
    """Hash of the library's source: a page is made again when anything in it changes."""
    package = Path(talk.__path__[0]).parents[1]
    digest = hashlib.sha256()
    for path in sorted(package.rglob("*.py")):
        digest.update(path.relative_to(package).as_posix().encode() + path.read_bytes())
    return digest.hexdigest()[:16]


def _recorded(record, key):
    """Entry that was written with the same key, or None."""
    if not record.is_file():
        return None
    read = json.loads(record.read_text(encoding="utf-8"))
    if any(read.pop(name) != value for name, value in key.items()):
        return None
    slide, finding = Slide(**read.pop("slide")), Finding(**read.pop("finding"))
    entry = Entry(slide, finding, **read)
    return entry if (record.parent / entry.picture).is_file() else None


def summary(found: Sequence[Entry]) -> list[tuple[str, str, str, str]]:
    """Rows (number, title, word, text) of all 25 slides; those that were not run say why."""
    rows = {e.slide.number: (e.slide.title, e.finding.word, e.finding.text) for e in found}
    rows |= {n: (title, "not computed", why) for n, (title, why) in TEXT_ONLY.items()}
    return [(str(n), *rows[n]) for n in sorted(rows)]


def markdown(found: Sequence[Entry], pictures="figures/talk") -> str:
    """Page in Markdown; the folder of the pictures is relative to it."""
    lines = [
        "# The talk, computed",
        "",
        f"{TALK}:",
        "every slide with something to compute, and what was found. Made by `make talk`; one slide",
        "by `fokkerplanck demo slide09`. Equation numbers are those of [theory.md](theory.md).",
        "",
        "| slide | title | finding | |",
        "|---|---|---|---|",
    ]
    for number, title, word, text in summary(found):
        link = f"[{number}](#slide-{number})" if word != "not computed" else number
        lines.append(f"| {link} | {_cell(title)} | {word} | {_cell(text)} |")
    for e in found:
        lines += [
            "",
            f"## Slide {e.slide.number}",
            "",
            f"**{e.slide.title}** The claim: {e.slide.claim}",
            "",
            f"*{e.finding.word.capitalize()}.* {e.finding.text}",
            "",
            f"![{e.slide.title}]({pictures}/{e.picture})",
            "",
            "```text",
            e.table,
            "```",
        ]
    return "\n".join(lines) + "\n"


def _cell(text) -> str:
    """Text inside of a table's cell, where bars must not end it."""
    return text.replace("|", "\\|")


_STYLE = (
    "body{font:16px/1.5 sans-serif;max-width:60em;margin:2em auto;padding:0 1em}img{max-width:100%}"
    "td,th{padding:.2em .6em;text-align:left;vertical-align:top}"
    "tr:nth-child(even){background:#f4f4f4}"
    "pre{background:#f4f4f4;padding:1em;overflow-x:auto}"
)


def html(found: Sequence[Entry]) -> str:
    """Page in HTML, to be put next to its pictures; needs nothing from elsewhere."""
    head = '<!doctype html><html lang="en"><meta charset="utf-8"><title>The talk, computed</title>'
    parts = [head, f"<style>{_STYLE}</style><h1>The talk, computed</h1><p>{escape(TALK)}.</p>"]
    parts.append("<table><tr><th>slide<th>title<th>finding<th></tr>")
    for number, title, word, text in summary(found):
        link = f'<a href="#{number}">{number}</a>' if word != "not computed" else number
        parts.append(f"<tr><td>{link}<td>{escape(title)}<td>{word}<td>{escape(text)}</tr>")
    parts.append("</table>")
    for e in found:
        parts.append(
            f'<h2 id="{e.slide.number}">{e.slide.number}. {escape(e.slide.title)}</h2>'
            f"<p>The claim: {escape(e.slide.claim)}</p>"
            f"<p><b>{e.finding.word.capitalize()}.</b> {escape(e.finding.text)}</p>"
            f'<img src="{e.picture}" alt="{escape(e.slide.title, quote=True)}">'
            f"<pre>{escape(e.table)}</pre>"
        )
    return "\n".join(parts) + "</html>\n"
