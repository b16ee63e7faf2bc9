"""Compiled loops: arrays and scalars in, arrays out; numba lives here and nowhere else."""

from fokkerplanck.kernels import threads

__all__ = ["threads"]
