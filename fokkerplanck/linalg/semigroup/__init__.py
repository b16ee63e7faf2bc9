"""Actions of the exponential of a generator: jump chains, Chebyshev series, Krylov spaces."""
