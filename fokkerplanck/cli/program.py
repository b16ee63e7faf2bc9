"""From words to a status: what went wrong is told in one sentence."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib import import_module

from fokkerplanck.cli.parser import parsed
from fokkerplanck.cli.showing import say_aside
from fokkerplanck.errors import ConvergenceError

#: What the shell is told.
DONE, REFUTED, WRONG, INTERRUPTED, UNREAD = 0, 1, 2, 130, 141


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    Parameters
    ----------
    arguments : sequence of str, optional
        Default ``sys.argv[1:]``.

    Returns
    -------
    int
        0: done. 1: the mathematics says no, a computation does not converge or a theorem fails.
        2: a wrong call or a wrong file; wrong words end the program with this status. 130: Ctrl-C.
        141: nobody reads what is printed.

    Examples
    --------
    >>> from fokkerplanck.cli import main
    >>> main(["demo", "--list"])
    sgd  minibatch SGD on the iris data against its Fokker-Planck steady state
    ...
    0
    """
    options = parsed(sys.argv[1:] if arguments is None else arguments)
    command = f"fokkerplanck {options.command}"
    try:
        module, _, name = options.run.partition(":")
        status: int = getattr(import_module(f"fokkerplanck.cli.{module}"), name)(options) or DONE
    except KeyboardInterrupt:
        going_on = getattr(options, "going_on", "the same command begins again")
        say_aside(f"{command}: interrupted; {going_on}")
        return INTERRUPTED
    except ConvergenceError as error:
        say_aside(f"{command}: {error}")
        return REFUTED
    except BrokenPipeError:
        # Python would complain once more when it closes the pipe.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return UNREAD
    except (ValueError, OSError, MemoryError) as error:
        say_aside(f"{command}: {error}")
        return WRONG
    return status
