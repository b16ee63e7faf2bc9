"""The command line: ``fokkerplanck run FILE``, ``steady gyrator kT=0.2``, ``verify R2`` and others.

What a command needs is imported when it runs: ``--help`` and wrong calls are answered at once.
"""

from fokkerplanck.cli.program import main
from fokkerplanck.cli.words import DEMOS

__all__ = ["DEMOS", "main"]
