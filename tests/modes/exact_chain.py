"""A generator's own eigenvalues with many digits, from its off-diagonal rates and its exits."""

import mpmath
import numpy as np


def exact_matrix(generator):
    """Matrix A with mpmath entries: the diagonal is the exact sum of the rates, which are data."""
    rates = generator.matrix.toarray()
    n = len(rates)
    exits = np.zeros(n)
    if generator.edges.exit_rate is not None:
        exits = generator.edges.exit_rate / generator.grid.volumes.ravel()
    A = mpmath.matrix(n, n)
    for i in range(n):
        for j in range(n):
            if i != j:
                A[i, j] = mpmath.mpf(float(rates[i, j]))
    for j in range(n):
        A[j, j] = -mpmath.fsum(A[i, j] for i in range(n) if i != j) - mpmath.mpf(float(exits[j]))
    return A


def refined(A, value, steps=6):
    """Eigenvalue of -A next to a value, by inverse iteration with the Rayleigh quotient."""
    n = A.rows
    shift, x = mpmath.mpmathify(value), mpmath.matrix([1 + mpmath.mpf(i) / n for i in range(n)])
    for _ in range(steps):
        y = mpmath.lu_solve(-A - shift * mpmath.eye(n), x)
        largest = max(range(n), key=lambda i: abs(y[i]))
        shift, x = shift + x[largest] / y[largest], y / y[largest]
    return shift


def decays_of_a_line(generator, count, digits=50):
    """The least `count` eigenvalues of -A of a reversible chain on a line, by bisection.

    Sturm's counts of the tridiagonal matrix, in logarithmic steps: none is missed, however small.
    """
    with mpmath.workdps(digits + 320):
        A = exact_matrix(generator)
        n = A.rows
        diagonal = [-A[i, i] for i in range(n)]
        squares = [A[i, i + 1] * A[i + 1, i] for i in range(n - 1)]

        def below(value):
            number, pivot = 0, mpmath.mpf(1)
            for i in range(n):
                pivot = diagonal[i] - value - (squares[i - 1] / pivot if i else 0)
                if pivot == 0:
                    pivot = mpmath.mpf(10) ** (-digits - 300)
                number += pivot < 0
            return number

        zero, found = below(mpmath.mpf(10) ** -290), []
        for k in range(zero + 1, count + 1):
            low, high = mpmath.mpf(-290), mpmath.log10(2 * max(diagonal)) + 1
            while high - low > mpmath.mpf(10) ** (-16):
                middle = (low + high) / 2
                low, high = (
                    (low, middle) if below(mpmath.mpf(10) ** middle) >= k else (middle, high)
                )
            found.append(float(mpmath.mpf(10) ** high))
        return np.array([0.0] * zero + found)
