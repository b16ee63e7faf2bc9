"""Demonstrations that the command line can run: ``compute`` -> ``table`` and ``figure``."""
