"""Optimal transport between densities on a grid."""

from fokkerplanck.transport.distance import Transport, wasserstein

__all__ = ["Transport", "wasserstein"]
