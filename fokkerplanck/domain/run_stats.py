"""What results say of how they were computed: by key and by name, with a message in any case."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any


class RunStats(dict[str, Any]):
    """Stats of a result, ``stats["steps"]`` or ``stats.steps``; ``message`` is "" if none is given.

    Examples
    --------
    >>> from fokkerplanck.domain.run_stats import RunStats
    >>> stats = RunStats({"scheme": "markov"})
    >>> stats.scheme, stats["message"], stats
    ('markov', '', {'scheme': 'markov', 'message': ''})
    """

    def __init__(self, given: Mapping[str, Any]) -> None:
        super().__init__(given)
        self.setdefault("message", "")

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(f"stats have no {name!r}; there are {', '.join(self)}") from None

    def __reduce__(self) -> tuple[type[RunStats], tuple[dict[str, Any]]]:
        return RunStats, (dict(self),)


class ByKey:
    """Fields of a dataclass by key too: ``stats["scheme"]`` for ``stats.scheme``."""

    def __getitem__(self, name: str) -> Any:
        if name not in self.keys():
            raise KeyError(name)
        return getattr(self, name)

    def __contains__(self, name: object) -> bool:
        return name in self.keys()

    def keys(self) -> list[str]:
        """Names of the fields."""
        return [f.name for f in fields(self)]  # type: ignore[arg-type]

    def get(self, name: str, default: Any = None) -> Any:
        """Value of a field, or what stands in for it."""
        return getattr(self, name) if name in self else default
