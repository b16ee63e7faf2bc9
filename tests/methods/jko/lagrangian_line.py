"""JKO steps on a line in Lagrangian coordinates: an oracle for schemes on grids.

Unknown is the map X from the initial density to the present one, piecewise of degree p:
E(X) = int rho0 [(X - X_k)^2/(2 tau) + f(X)] - kT int rho0 log X', minimised by Newton's method.
"""

import numpy as np


class LagrangianLine:
    """Initial density rho0 on (lo, hi), beyond which it is negligible; ends are free."""

    def __init__(self, rho0, lo, hi, elements=24, degree=8):
        p, q = degree, degree + 4
        self.rho0, self.p = rho0, p
        self.knots = np.linspace(lo, hi, elements + 1)
        self.width = self.knots[1] - self.knots[0]
        self.nodes = 0.5 * (1 - np.cos(np.pi * np.arange(p + 1) / p))
        points, weights = np.polynomial.legendre.leggauss(q)
        points, weights = 0.5 * (points + 1), 0.5 * weights
        value, slope = self._basis(points)
        n = elements * p + 1
        self.B, self.D = np.zeros((elements * q, n)), np.zeros((elements * q, n))
        for e in range(elements):
            at = slice(e * q, (e + 1) * q), slice(e * p, (e + 1) * p + 1)
            self.B[at], self.D[at] = value, slope / self.width
        y = (self.knots[:-1, None] + self.width * points).ravel()
        self.w = np.tile(weights, elements) * self.width * rho0(y)
        self.X = np.append(
            (self.knots[:-1, None] + self.width * self.nodes[:-1]).ravel(), hi
        )  # identity

    def _basis(self, t):
        """Lagrange polynomials and their derivatives at t in [0, 1]."""
        p, z = self.p, self.nodes
        value = np.ones((len(t), p + 1))
        slope = np.zeros((len(t), p + 1))
        for i in range(p + 1):
            others = np.delete(z, i)
            factors = (t[:, None] - others) / (z[i] - others)
            value[:, i] = factors.prod(1)
            for k in range(p):
                slope[:, i] += np.delete(factors, k, 1).prod(1) / (z[i] - others[k])
        return value, slope

    def step(self, tau, kT, f, df, ddf):
        """One JKO step."""
        B, D, w = self.B, self.D, self.w
        old, u = B @ self.X, self.X.copy()

        def energy(u):
            X, S = B @ u, D @ u
            if S.min() <= 0:
                return np.inf
            return np.sum(w * ((X - old) ** 2 / (2 * tau) + f(X) - kT * np.log(S)))

        E = energy(u)
        for _ in range(60):
            X, S = B @ u, D @ u
            grad = B.T @ (w * ((X - old) / tau + df(X))) - kT * (D.T @ (w / S))
            H = (B.T * (w * (1 / tau + ddf(X)))) @ B + kT * (D.T * (w / S**2)) @ D
            scale = 1 / np.sqrt(np.diag(H))
            du = -scale * np.linalg.solve(H * np.outer(scale, scale), scale * grad)
            decrement, t = -grad @ du, 1.0
            while not energy(u + t * du) <= E - 0.25 * t * decrement + 1e-15:
                t /= 2
                assert t > 1e-8, "the oracle's line search failed"
            u = u + t * du
            E = energy(u)
            if decrement < 1e-24:
                break
        self.X = u
        return self

    def density(self, x):
        """Density rho0(y)/X'(y) at X(y) = x; zero beyond the ends."""
        p = self.p
        fine = np.linspace(0, 1, 41)[:-1]
        y = (self.knots[:-1, None] + self.width * fine).ravel()
        values, _ = self._basis(fine)
        X = np.concatenate(
            [values @ self.X[e * p : (e + 1) * p + 1] for e in range(len(self.knots) - 1)]
        )
        inside = (x > X[0]) & (x < X[-1])
        y = np.interp(x[inside], X, y)
        for _ in range(6):
            e = np.clip(((y - self.knots[0]) / self.width).astype(int), 0, len(self.knots) - 2)
            value, slope = self._basis((y - self.knots[e]) / self.width)
            local = self.X[(e * p)[:, None] + np.arange(p + 1)]
            S = (slope * local).sum(1) / self.width
            y = y - ((value * local).sum(1) - x[inside]) / S
        out = np.zeros(len(x))
        out[inside] = self.rho0(y) / S
        return out
