"""The equation: problem, calculus of its noise, minibatch covariances, zeros of its fields."""
