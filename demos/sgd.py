"""Minibatch SGD against the Gibbs measure of its loss: logistic regression on iris.

The computation is in ``fokkerplanck.demos.sgd``,
so that ``fokkerplanck demo sgd`` works from an installed wheel.
"""

from fokkerplanck.cli import main

if __name__ == "__main__":
    raise SystemExit(main(["demo", "sgd"]))
