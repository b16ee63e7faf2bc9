"""Minibatch SGD against the Gibbs measure of its loss: logistic regression on iris.

The computation is in ``fokkerplanck.demos.sgd``; ``fokkerplanck demo sgd``
runs it from an installed wheel too.
"""

from fokkerplanck.cli import main

if __name__ == "__main__":
    raise SystemExit(main(["demo", "sgd"]))
