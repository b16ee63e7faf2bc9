"""Slowest modes of a generator, and the slowest one where mass leaves."""
