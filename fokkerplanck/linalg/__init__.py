"""Linear algebra that more than one question needs.

Stationary vectors are found by functions of a generator's matrix, of rates column to row
(p' = A p), or of a chain with the few methods that ``steady.chains`` describes.
"""
