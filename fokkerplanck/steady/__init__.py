"""Steady states: null vector of the generator, Newton in the logarithm, the state itself."""
