"""Minibatch SGD does not sample the Gibbs measure of its loss.

For small steps, SGD with learning rate η and batches of b samples follows

    dx = −∇f dt + √(2T D(x)) dW,   T = η/(2b),   D(x) = covariance of the per-sample gradients.

With D = 1 the steady state ρ_ss = exp(−Φ/T)/Z would be Gibbs, exp(−f/T)/Z. On two species of
Fisher's iris data D is far from isotropic: Φ differs from every multiple of f, and the leftover
field j = J_ss/ρ_ss keeps probability circulating. The histogram of real SGD runs follows ρ_ss.

The computation itself is part of the package, so that ``fokkerplanck demo sgd`` works from an
installed wheel; this script is the same as a gallery page.
"""

from fokkerplanck.demos.sgd import QUICK, TITLE, compute, figure, table

__all__ = ["QUICK", "TITLE", "compute", "figure", "table"]

if __name__ == "__main__":
    result = compute(progress=True)
    print(TITLE)
    print(table(result))
    figure(result).savefig("fokkerplanck-sgd.png", dpi=150)
    print("picture: fokkerplanck-sgd.png")
