"""A bar for steady states that take longer than a second."""

from __future__ import annotations

from typing import Any, Self

from tqdm import tqdm

#: A bar appears by itself only if the computation is not over after this long, in seconds.
BAR_AFTER = 1.0


class Steps:
    """Counts Newton steps on a bar; a context that closes it.

    How many there will be is not known, so the bar shows how many there were and the time.

    Parameters
    ----------
    progress : None, bool, class or object with ``update``
        As in ``steady_state``.
    """

    def __init__(self, progress: Any) -> None:
        self._owned = True
        if progress is False:
            self._target = None
        elif progress is None or progress is True:
            disable, delay = (None, BAR_AFTER) if progress is None else (False, 0.0)
            style = {"bar_format": "{desc}: {n_fmt} Newton steps, {elapsed}"}
            self._target = tqdm(desc="steady_state", disable=disable, delay=delay, **style)
        elif isinstance(progress, type):
            self._target = progress()
        elif callable(getattr(progress, "update", None)):
            self._target, self._owned = progress, False
        else:
            raise ValueError(
                f"progress is {progress!r}; give None, True, False or a bar like tqdm's"
            )

    def tick(self) -> None:
        """Count a step."""
        if self._target is not None:
            self._target.update(1)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._target is not None and self._owned:
            self._target.close()
