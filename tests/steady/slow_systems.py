"""Systems whose far tails keep Newton's method from converging in the whole box."""

import numpy as np

import fokkerplanck as fp


def van_der_pol(shape=(64, 80), kT=0.1):
    """x'' = (1 - x^2) x' - x with noise on both."""
    grid = fp.Grid([(-4, 4), (-5, 5)], shape)
    return fp.Problem(grid, drift=lambda x, y: (y, (1 - x**2) * y - x), kT=kT)


def fitzhugh_nagumo(shape=(80, 80)):
    """FitzHugh's parameters at I = 1/2, noise on the voltage alone."""
    grid = fp.Grid([(-4, 4), (-2, 3)], shape)

    def drift(v, w):
        return v - v**3 / 3 - w + 0.5, 0.08 * (v + 0.7 - 0.8 * w)

    return fp.Problem(grid, drift=drift, D=(0.1, 0.0))


def maier_stein(shape=(96, 72), kT=0.02, alpha=10.0):
    """Maier and Stein, Phys. Rev. Lett. 71 (1993): no gradient for alpha other than 1."""
    grid = fp.Grid([(-1.7, 1.7), (-1.2, 1.2)], shape)

    def drift(x, y):
        return x - x**3 - alpha * x * y**2, -(1 + x**2) * y

    return fp.Problem(grid, drift=drift, kT=kT)


def predator_prey(shape=(100, 60), size=400.0):
    """Rosenzweig and MacArthur, with the noise of births and deaths in a system of a size."""

    def rates(x, y):
        eaten = x * y / (1 + x)
        return x, x**2 / 3 + eaten, eaten, 0.4 * y  # births and deaths of prey, of predators

    def drift(x, y):
        born, died, bred, starved = rates(x, y)
        return born - died, bred - starved

    def D(x, y):
        born, died, bred, starved = rates(x, y)
        return np.array([[born + died, 0 * x], [0 * x, bred + starved]]) / 2

    grid = fp.Grid([(0.02, 3.2), (0.02, 3.0)], shape)
    return fp.Problem(grid, drift=drift, D=D, kT=1 / size)


def lorenz(n=18, kT=10.0):
    """Lorenz's attractor at the classical parameters, with noise."""
    grid = fp.Grid([(-25, 25), (-32, 32), (-5, 55)], n)

    def drift(x, y, z):
        return 10 * (y - x), x * (28 - z) - y, x * y - 8 / 3 * z

    return fp.Problem(grid, drift=drift, kT=kT)


def kramers(n=80, gamma=0.1):
    """Double well x^4/4 - x^2/2 with inertia, barrier 5 kT; noise on the velocity alone."""
    grid = fp.Grid([(-2, 2), (-1.6, 1.6)], n)

    def drift(x, v):
        return v, x - x**3 - gamma * v

    return fp.Problem(grid, drift=drift, D=(0.0, gamma), kT=0.05)


#: Small grids, and the grids on which the price is measured.
FAST = {
    "van der Pol": van_der_pol,
    "FitzHugh-Nagumo": fitzhugh_nagumo,
    "Maier-Stein": maier_stein,
    "predator-prey": predator_prey,
    "Lorenz": lorenz,
    "Kramers": kramers,
}
FULL = {
    "van der Pol": lambda: van_der_pol((128, 160)),
    "FitzHugh-Nagumo": lambda: fitzhugh_nagumo((120, 120)),
    "Maier-Stein": lambda: maier_stein((170, 120)),
    "predator-prey": predator_prey,
    "Lorenz": lambda: lorenz(24),
    "Kramers": lambda: kramers(96),
}
