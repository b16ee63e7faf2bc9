"""``python -m fokkerplanck``: the command line, which is loaded here so that Ctrl-C may stop it."""

from __future__ import annotations

import sys
from importlib import import_module


def main() -> int:
    """Run the command line; 130 if it was interrupted, also while it was being loaded."""
    try:
        status: int = import_module("fokkerplanck.cli").main()
    except KeyboardInterrupt:
        print("fokkerplanck: interrupted", file=sys.stderr)
        return 130
    return status


if __name__ == "__main__":
    sys.exit(main())
