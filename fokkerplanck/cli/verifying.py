"""The statements of the theory on one problem, as claims that are true or not."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable
from typing import Any

from fokkerplanck import theorems
from fokkerplanck.cli.parser import STATEMENTS
from fokkerplanck.cli.showing import json_text, say
from fokkerplanck.cli.subjects import opened

#: The statement that says, of most noise, that two things differ: "it holds" would be misread.
_LEMMA_6 = "potential_is_loss"


def verified(options: argparse.Namespace) -> int:
    """Print what is true here; status 1 if a theorem fails."""
    subject = opened(options)
    problem = subject.problem()
    quick = options.quick or bool(subject.told("verify").get("quick"))
    found = theorems.verify(problem, quick=quick, progress=sys.stderr.isatty())
    if options.only:
        found = theorems.Verdicts([found[name] for name in options.only], found.title)
    if options.json:
        print(json_text(as_numbers(found)))
    else:
        say(report(found))
    return 0 if found.ok else 1


def as_numbers(found: Any) -> dict[str, Any]:
    """Verdicts for programs."""
    return {
        "summary": summary(found),
        "ok": found.ok,
        "verdicts": [{**v.to_dict(), "truth": truth(v)} for v in found],
    }


def report(found: Any) -> str:
    """Each claim with its truth, then what was measured, then a line that counts."""
    width = max(len(v.name) for v in found)
    lines = [found.title, ""] if found.title else []
    lines += [f"{v.name:<{width}}  {claim(v)}: {truth(v)}" for v in found]
    return "\n".join([*lines, "", *map(str, found), "", summary(found)])


def claim(verdict: Any) -> str:
    """Claim in a few words."""
    return STATEMENTS.get(verdict.name, verdict.statement.rstrip("."))


def truth(verdict: Any) -> str:
    """Whether a claim is true here, and what says so."""
    if verdict.outcome == "undecided":
        return "undecided"
    if verdict.outcome == "not applicable":
        return "does not apply"
    if verdict.is_broken:
        return "NO, although it is a theorem"
    holds = verdict.outcome == "holds"
    if verdict.is_theorem:
        return "yes, as the theorem says" if holds else "no"
    if verdict.name == _LEMMA_6:
        return "no, as Lemma 6 says" if holds else "yes, although D is not isotropic"
    return "yes" if holds else "no"


def summary(found: Any) -> str:
    """How many hold, which fail and why, in one line."""
    kinds: dict[str, list[Any]] = {}
    for v in found:
        kinds.setdefault("broken" if v.is_broken else v.outcome, []).append(v)
    hold = kinds.get("holds", [])
    different = [v for v in hold if truth(v).startswith("no")]
    parts = [_count(len(hold) - len(different), "holds", "hold")]
    parts += [f"{claim(v)}, is false, as Lemma 6 says" for v in different]
    if "broken" in kinds:
        parts.append(f"THEOREMS FAIL ({_names(kinds['broken'])}): please report it")
    if "fails" in kinds:
        many = _count(len(kinds["fails"]), "claim fails", "claims fail")
        parts.append(f"{many} ({_names(kinds['fails'])})")
    if "undecided" in kinds:
        many = _count(len(kinds["undecided"]), "is undecided", "are undecided")
        parts.append(f"{many} ({_names(kinds['undecided'])})")
    if "not applicable" in kinds:
        parts.append(_count(len(kinds["not applicable"]), "does not apply", "do not apply"))
    return "; ".join(parts)


def _count(many: int, one: str, more: str) -> str:
    return f"{many} {one if many == 1 else more}"


def _names(verdicts: Iterable[Any]) -> str:
    """Names, with the hypothesis that is missing where one is."""
    told = []
    for v in verdicts:
        missing = [h.text for h in v.hypotheses if h.holds is False]
        told.append(v.name + (f" because it is not true that {missing[0]}" if missing else ""))
    return ", ".join(told)
