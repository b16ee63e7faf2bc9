"""Linear algebra behind steady states and implicit steps.

The seam for stationary vectors is a function ``solver(A, shape) -> NullVector``: A acts on cell
masses (p' = A p), shape numbers its cells in C order, and the answer is log p with its own
recomputed residual. :func:`fokkerplanck.linalg.null_vector.null_vector` is the direct one; a
multilevel one may stand beside it and use the same :func:`balance_residual` to judge itself.
"""
