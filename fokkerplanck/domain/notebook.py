"""How objects show themselves in a notebook: a table with a picture, made when it is asked for."""

from __future__ import annotations

from importlib import import_module


class InNotebooks:
    """An object that a notebook shows as a table with a picture, or as text if there is none.

    Drawing lives upstairs, in ``fokkerplanck.plot.summaries``, and is loaded by the first object
    that a notebook asks: nothing else has to wait for matplotlib.

    Examples
    --------
    >>> import fokkerplanck as fp
    >>> page = fp.Grid([(0, 1)], 8)._repr_html_()
    >>> "8 cells" in page, "data:image/png;base64," in page
    (True, True)
    """

    def _repr_html_(self) -> str | None:
        """HTML, or None for the text of ``repr``."""
        html: str | None = import_module("fokkerplanck.plot.summaries").html_of(self)
        return html
