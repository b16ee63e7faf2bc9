"""What checking a statement yields: `Verdict`, and `Verdicts` for a list of them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, overload

import numpy as np

from fokkerplanck.domain.packing import Saved, Stored, packed, sealed, unpacked, unsealed
from fokkerplanck.domain.read_only import ReadOnly
from fokkerplanck.domain.types import Array

#: Gaps up to so many estimated errors of the grid may come from the grid: where it resolves the
#: problem, the estimate is right to a factor of about two.
WITHIN = 3.0
#: Gaps of more than so many estimated errors cannot come from the grid.
BEYOND = 10.0
#: Largest error, over the size of what could differ, with which two sides count as equal.
RESOLVED = 0.02
#: From worst to best.
OUTCOMES = ("fails", "undecided", "holds", "not applicable")
#: Fields of a verdict that are words and numbers.
PLAIN = (
    *("name", "statement", "outcome", "is_theorem", "left_name", "left", "right_name", "right"),
    *("gap", "error", "rounding", "reference", "remark"),
)


class Hypothesis(NamedTuple):
    """Assumption of a statement: in words, whether it holds here (None: not known), and a number.

    ``measured`` is a number, a text, or None.
    """

    text: str
    holds: bool | None
    measured: Any = None


class Comparison(NamedTuple):
    """Two sides of a statement, how far they are apart, and how far the grid may put them apart.

    ``gap``, ``error`` (of the grid, nan if not known) and ``rounding`` are in one unit. With
    ``differ`` the claim is that the two sides differ. Where a ``scale`` is given, the size of what
    could differ, two sides count as equal only if the error is small against it. ``size`` is a gap
    that would be no surprise if they had nothing to do with each other: where the error would let
    that pass, it lets nothing pass.
    """

    left_name: str
    left: Any
    right_name: str
    right: Any
    gap: float
    error: float
    rounding: float = 0.0
    differ: bool = False
    scale: float = math.inf
    size: float = math.inf

    @classmethod
    def between(
        cls,
        left_name: str,
        left: float | Array,
        error: float,
        rounding: float = 0.0,
        right_name: str = "",
        right: float | Array = 0.0,
        scale: float = math.inf,
        size: float = math.inf,
    ) -> Comparison:
        """Comparison of numbers or arrays by their largest difference; by default with zero."""
        gap = float(np.abs(np.asarray(left) - right).max())
        sides = left_name, left, right_name, right
        return cls(*sides, gap, error, rounding, scale=scale, size=size)

    @property
    def outcome(self) -> str:
        """``"holds"`` up to 3 errors, ``"fails"`` beyond 10, ``"undecided"`` in between."""
        equal, unequal = ("fails", "holds") if self.differ else ("holds", "fails")
        if math.isnan(self.gap):
            return "undecided"
        if self.gap <= self.rounding:
            return equal
        if math.isnan(self.error):
            return "undecided"
        if self.gap <= WITHIN * self.error + self.rounding:
            tells = self.error <= RESOLVED * self.scale and WITHIN * self.error < self.size
            return equal if tells else "undecided"
        return unequal if self.gap > BEYOND * self.error + self.rounding else "undecided"


@dataclass(frozen=True, eq=False, kw_only=True)
class Verdict(Saved):
    """A statement, checked on a problem; ``str(verdict)`` is two lines of English.

    Attributes
    ----------
    name : str
        Of the function that gave it.
    statement : str
        What is claimed, one sentence.
    hypotheses : tuple of Hypothesis
        (text, holds, measured).
    left_name, right_name : str
    left, right : number or small array
        The two sides of the comparison that decides: the worst of ``comparisons``.
    gap, error, rounding, differ : float
        Their distance, what the grid may add to it, estimated on coarser grids (nan for a
        problem given by arrays, which know one grid only), and what rounding may; ``differ`` is
        True if the claim is that they differ.
    outcome : {"holds", "fails", "undecided", "not applicable"}
        ``"holds"``: every gap is at most 3 error + rounding. ``"fails"``: one is more than 10
        error + rounding. ``"undecided"``: neither, or it is not known whether a hypothesis
        holds; refine the grid. ``"not applicable"``: a theorem one of whose hypotheses does not
        hold here.
    is_theorem : bool
        True if it is proved: given its hypotheses, failing would be an error of this library.
        False for assumptions, and for claims that are false in general.
    reference, remark : str
    comparisons : tuple of Comparison
        Everything that was compared.
    numbers : mapping of str to number
        What else was measured.

    Examples
    --------
    >>> import fokkerplanck as fp
    >>> gyrator = fp.zoo.gyrator().build(48)
    >>> verdict = fp.theorems.stationarity(gyrator)
    >>> verdict
    Verdict(stationarity: holds)
    >>> verdict.outcome, verdict.is_theorem
    ('holds', True)
    """

    name: str
    statement: str
    hypotheses: tuple[Hypothesis, ...]
    left_name: str
    left: Any
    right_name: str
    right: Any
    gap: float
    error: float
    rounding: float
    differ: bool
    outcome: str
    is_theorem: bool
    reference: str
    remark: str = ""
    comparisons: tuple[Comparison, ...] = ()
    numbers: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "numbers", ReadOnly(self.numbers))
        for value in (self.left, self.right, *self.numbers.values()):
            if isinstance(value, np.ndarray):
                value.flags.writeable = False

    @property
    def is_broken(self) -> bool:
        """True if a theorem fails although all its hypotheses are known to hold."""
        given = all(h.holds is True for h in self.hypotheses)
        return self.is_theorem and self.outcome == "fails" and given

    def to_dict(self) -> dict[str, Any]:
        """Plain values for tables and files: numbers, lists and text.

        Examples
        --------
        >>> import fokkerplanck as fp
        >>> row = fp.theorems.stationarity(fp.zoo.double_well().build(24)).to_dict()
        >>> row["name"], row["outcome"]
        ('stationarity', 'holds')
        """
        row = {word: _plain(getattr(self, word)) for word in PLAIN}
        row["hypotheses"] = [
            h._replace(measured=_plain(h.measured))._asdict() for h in self.hypotheses
        ]
        row["numbers"] = {name: _plain(value) for name, value in self.numbers.items()}
        return row

    def __repr__(self) -> str:
        """Name and outcome."""
        return f"Verdict({self.name}: {self.outcome})"

    def __str__(self) -> str:
        """Two lines: what is claimed, and what was measured."""
        return f"{self.name}: {self.statement}\n    {self._measured()}"

    def _measured(self) -> str:
        """The second line."""
        missing = [
            h.text + ("" if h.measured is None else f" ({show(h.measured)})")
            for h in self.hypotheses
            if h.holds is False
        ]
        reasons = "; ".join(missing)
        remark = f" {self.remark}" if self.remark else ""
        if self.outcome == "not applicable":
            needs = f"It does not apply here, because it needs: {reasons}." if missing else ""
            return (needs + remark).strip()
        if not self.left_name:
            return remark.strip()
        sides = f"{self.left_name} = {show(self.left)}"
        if self.right_name:
            sides += f", {self.right_name} = {show(self.right)}; gap {show(self.gap)}"
        text = f"Measured: {sides}, {self._uncertainty()}: "
        text += {"holds": "it holds", "fails": "it fails", "undecided": "undecided"}[self.outcome]
        if missing:
            text += f"; not given here: {reasons}"
        if self.outcome == "undecided":
            unknown = "; ".join(h.text for h in self.hypotheses if h.holds is None)
            text += f"; not known here: {unknown}" if unknown else ""
            text += "; refine the grid"
            text += ", or give f and D as callables" if math.isnan(self.error) else ""
        return f"{text}.{remark}"

    def _uncertainty(self) -> str:
        """What may explain the gap, in words."""
        if math.isnan(self.error):
            return "error not known"
        if self.error > self.rounding:
            return f"estimated error {show(self.error)}"
        return f"rounding {show(self.rounding)}"


def judged(
    name: str,
    statement: str,
    comparisons: Iterable[Comparison],
    hypotheses: Iterable[Hypothesis] = (),
    *,
    is_theorem: bool,
    reference: str,
    remark: str = "",
    numbers: Mapping[str, Any] | None = None,
    applies: bool = True,
) -> Verdict:
    """Verdict of one or more comparisons: the worst of them, the first of equals, decides."""
    comparisons = tuple(comparisons)
    hypotheses = tuple(
        h._replace(holds=None if h.holds is None else bool(h.holds)) for h in hypotheses
    )
    lacking = not applies or (is_theorem and any(h.holds is False for h in hypotheses))
    if comparisons:
        worst = min(comparisons, key=lambda c: OUTCOMES.index(c.outcome))
        outcome = worst.outcome
    else:
        nan = float("nan")
        worst, outcome = Comparison("", nan, "", nan, nan, nan), "not applicable"
    sides = worst._asdict()
    del sides["scale"], sides["size"]
    if is_theorem and outcome != "not applicable" and any(h.holds is None for h in hypotheses):
        outcome = "undecided"
    return Verdict(
        name=name,
        statement=statement,
        hypotheses=hypotheses,
        **sides,
        outcome="not applicable" if lacking else outcome,
        is_theorem=is_theorem,
        reference=reference,
        remark=remark,
        comparisons=comparisons,
        numbers=numbers or {},
    )


class Verdicts(Saved, Sequence[Verdict]):
    """Verdicts in order; ``verdicts["h_theorem"]`` finds one by name, ``str`` makes a table.

    Attributes
    ----------
    ok : bool
        False only if something that is a theorem fails although its hypotheses hold.
    """

    def __init__(self, verdicts: Iterable[Verdict], title: str = "") -> None:
        self._verdicts, self.title = tuple(verdicts), title

    def _stored(self) -> Stored:
        """Arrays and metadata of all verdicts."""
        arrays: dict[str, np.ndarray] = {}
        tree = packed({"title": self.title, "verdicts": list(self._verdicts)}, arrays, "verdicts")
        return arrays, sealed(tree, arrays)

    def _labelled(self) -> Any:
        """Dataset with one entry a verdict, by name."""
        data = super()._labelled()
        columns = {name: [getattr(v, name) for v in self] for name in ("gap", "error", "outcome")}
        columns["is_theorem"] = [v.is_theorem for v in self]
        shown = {name: ("verdict", np.array(column)) for name, column in columns.items()}
        return data.assign(shown).assign_coords(verdict=[v.name for v in self])

    @classmethod
    def from_storage(cls, arrays: Mapping[str, Any], metadata: Mapping[str, Any]) -> Verdicts:
        """Verdicts from what ``save`` stored."""
        found = unpacked(unsealed(arrays, metadata), arrays)
        return cls(found["verdicts"], found["title"])

    def __len__(self) -> int:
        return len(self._verdicts)

    @overload
    def __getitem__(self, key: int | str) -> Verdict: ...

    @overload
    def __getitem__(self, key: slice) -> tuple[Verdict, ...]: ...

    def __getitem__(self, key: int | str | slice) -> Verdict | tuple[Verdict, ...]:
        if isinstance(key, str):
            for verdict in self._verdicts:
                if verdict.name == key:
                    return verdict
            raise KeyError(f"no verdict {key!r}; there are {', '.join(v.name for v in self)}")
        return self._verdicts[key]

    @property
    def ok(self) -> bool:
        """False only if a theorem fails although its hypotheses hold."""
        return not any(verdict.is_broken for verdict in self)

    def table(self) -> str:
        """Name, outcome, both sides, gap and error, one line each."""
        rows = [("statement", "", "outcome", "left", "right", "gap", "error")]
        for v in self:
            shown = [show(u) for u in (v.left, v.right, v.gap, v.error)]
            left, right, gap, error = [""] * 4 if v.outcome == "not applicable" else shown
            kind = "theorem" if v.is_theorem else "claim"
            rows.append((v.name, kind, v.outcome, left, right, gap, error))
        widths = [max(len(row[k]) for row in rows) for k in range(7)]
        lines = []
        for row in rows:
            words = [f"{a:<{w}}" for a, w in zip(row[:3], widths[:3], strict=True)]
            words += [f"{a:>{w}}" for a, w in zip(row[3:], widths[3:], strict=True)]
            lines.append("  ".join(words).rstrip())
        return "\n".join(lines)

    def __str__(self) -> str:
        """Table, then two lines for each."""
        parts = [self.title] if self.title else []
        return "\n".join([*parts, self.table(), "", *map(str, self)])

    def __repr__(self) -> str:
        """Names and outcomes."""
        inside = ", ".join(f"{v.name}: {v.outcome}" for v in self)
        return f"Verdicts({inside})"


def show(value: Any) -> str:
    """A number, or a few in brackets, to four digits; small arrays only."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    array = np.asarray(value)
    if array.ndim == 0:
        return f"{array.item() + 0:.4g}" if array.dtype.kind in "iufc" else str(value)
    return f"({', '.join(show(u) for u in array)})"


def _plain(value: Any) -> Any:
    """Python numbers and lists."""
    if isinstance(value, np.ndarray):
        return value.tolist()
    return value.item() if isinstance(value, np.generic) else value
