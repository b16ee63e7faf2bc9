"""Minibatch SGD and stochastic paths."""
