"""What a density says: means, marginals, values between cell centres, samples, quantiles.

Pure functions of (rho, grid); `methods` has the same as methods of results.
"""

from fokkerplanck.distributions.distances import hellinger, total_variation
from fokkerplanck.distributions.interpolation import at, gradient_at
from fokkerplanck.distributions.marginals import conditional, marginal
from fokkerplanck.distributions.moments import covariance, expectation, mean, moment
from fokkerplanck.distributions.random_points import sample
from fokkerplanck.distributions.regions import (
    CredibleRegion,
    Peaks,
    credible_region,
    mode,
    peaks,
    quantile,
)

__all__ = [
    "CredibleRegion",
    "Peaks",
    "at",
    "conditional",
    "covariance",
    "credible_region",
    "expectation",
    "gradient_at",
    "hellinger",
    "marginal",
    "mean",
    "mode",
    "moment",
    "peaks",
    "quantile",
    "sample",
    "total_variation",
]
