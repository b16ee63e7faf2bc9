"""What a slide of the talk claims, and what its computation found."""

from __future__ import annotations

from dataclasses import dataclass

from fokkerplanck.domain.arguments import one_of

#: Outcomes of a slide. "shown": an illustration or interpretation, without a claim to test.
WORDS = ("holds", "needs a condition", "fails as printed", "shown")


@dataclass(frozen=True)
class Slide:
    """A slide and its claim.

    Attributes
    ----------
    number : int
        1 to 25.
    title : str
    claim : str
        What the slide says, in one sentence.
    """

    number: int
    title: str
    claim: str

    @property
    def name(self) -> str:
        """Name on the command line, such as ``slide09``."""
        return f"slide{self.number:02d}"


@dataclass(frozen=True)
class Finding:
    """What the computation says of the claim.

    Attributes
    ----------
    word : {"holds", "needs a condition", "fails as printed", "shown"}
    text : str
        One or two sentences with the figures.

    Raises
    ------
    ValueError
        For another word.
    """

    word: str
    text: str

    def __post_init__(self):
        one_of(self.word, "the word", WORDS)

    def __str__(self):
        return f"{self.word}: {self.text}"
