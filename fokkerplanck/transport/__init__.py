"""Optimal transport between densities on a grid."""
