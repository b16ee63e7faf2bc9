"""Minibatch SGD on real data: swarms of particles, compiled models, spectra of their noise."""

from fokkerplanck.sgd.gradient_noise import NoiseSpectrum, noise_spectrum
from fokkerplanck.sgd.models import LeastSquares, Logistic
from fokkerplanck.sgd.swarm import Swarm, run

__all__ = ["LeastSquares", "Logistic", "NoiseSpectrum", "Swarm", "noise_spectrum", "run"]
