"""Elimination, multigrid, Krylov bases, products, graphs."""
