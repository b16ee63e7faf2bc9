"""Quantiles, Gaussian kernels in logarithms, minimising movements."""
