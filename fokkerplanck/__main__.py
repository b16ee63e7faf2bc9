"""``python -m fokkerplanck``: the command line."""

import sys

from fokkerplanck.cli import main

if __name__ == "__main__":
    sys.exit(main())
