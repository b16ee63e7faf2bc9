"""Spectrum of minibatch noise: eigenvalues of D from per-sample gradients, and their statistics."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from fokkerplanck.domain.arguments import frozen, one_of, real_array
from fokkerplanck.domain.portable import Portable
from fokkerplanck.domain.types import Array

#: Precisions of gradients: eigenvalues that are rounding in them count as zero.
DTYPES = ("float32", "float64")


@dataclass(frozen=True, eq=False)
class NoiseSpectrum(Portable):
    r"""Eigenvalues of :math:`D=\frac1N\sum_kg_kg_k^T-\bar g\bar g^T`, (gradient)².

    Attributes
    ----------
    eigenvalues : array (min(N - 1, d),)
        Decreasing; the others of the d are zero exactly, since D has rank at most N - 1.
    d : int
        Number of weights.
    threshold : float
        Eigenvalues above it count: ``lambda_max * d * eps`` of `dtype`.
    dtype : str
        Precision in which the gradients were computed.

    Notes
    -----
    A mean and a standard deviation of eigenvalues mean little without saying over which: of all d,
    of those above the threshold, or of all d after clipping from below at the threshold. The three
    differ by orders of magnitude when the rank is small, hence one property each.

    References
    ----------
    P. Chaudhari and S. Soatto, arXiv:1710.11029, Section 4 (mean, deviation and rank of D).
    """

    eigenvalues: Array
    d: int
    threshold: float
    dtype: str

    @property
    def trace(self) -> float:
        """Trace of D."""
        return float(self.eigenvalues.sum())

    @property
    def rank(self) -> int:
        """Number of eigenvalues above the threshold."""
        return int(np.count_nonzero(self.eigenvalues > self.threshold))

    @property
    def rank_share(self) -> float:
        """Rank over d."""
        return self.rank / self.d

    @property
    def of_all(self) -> tuple[float, float]:
        """Mean and standard deviation over all d eigenvalues."""
        mean = self.trace / self.d
        return mean, float(np.sqrt(max(np.sum(self.eigenvalues**2) / self.d - mean**2, 0.0)))

    @property
    def of_nonzero(self) -> tuple[float, float]:
        """Mean and standard deviation over those above the threshold."""
        kept = self.eigenvalues[self.eigenvalues > self.threshold]
        return (float(kept.mean()), float(kept.std())) if kept.size else (0.0, 0.0)

    @property
    def of_clipped(self) -> tuple[float, float]:
        """Mean and standard deviation over all d, none counted as less than the threshold."""
        rest = np.full(self.d - self.eigenvalues.size, self.threshold)
        all_d = np.concatenate([np.maximum(self.eigenvalues, self.threshold), rest])
        return float(all_d.mean()), float(all_d.std())

    def __repr__(self) -> str:
        """Rank, trace and the mean over all."""
        mean, deviation = self.of_all
        return (
            f"NoiseSpectrum(d={self.d}, rank={self.rank}, trace={self.trace:.4g}, "
            f"eigenvalues {mean:.3g} ± {deviation:.3g} over all d)"
        )


def noise_spectrum(gradients: ArrayLike, dtype: str = "float64") -> NoiseSpectrum:
    r"""Spectrum of the minibatch noise :math:`D=\frac1N\sum_kg_kg_k^T-\bar g\bar g^T`.

    By the singular values of the centred gradients: D itself, d × d, is never formed.

    Parameters
    ----------
    gradients : array (N, d)
        One row a sample: the gradient of its loss at the weights in question.
    dtype : {"float64", "float32"}
        Precision in which they were computed; sets the threshold of the rank.

    Returns
    -------
    NoiseSpectrum

    Raises
    ------
    ValueError
        For another shape, fewer than two samples, values that are not finite, or another dtype.

    Examples
    --------
    >>> import numpy as np
    >>> import fokkerplanck as fp
    >>> spectrum = fp.sgd.noise_spectrum([[1.0, 0, 0, 0], [-1.0, 0, 0, 0]])
    >>> spectrum
    NoiseSpectrum(d=4, rank=1, trace=1, eigenvalues 0.25 ± 0.433 over all d)
    >>> spectrum.of_nonzero
    (1.0, 0.0)
    """
    g = real_array(gradients, "gradients", "an array (N, d), one row a sample")
    if g.ndim != 2 or len(g) < 2 or g.shape[1] < 1:
        raise ValueError(
            f"gradients have shape {g.shape}; give (N, d), one row a sample, N at least 2"
        )
    if not np.isfinite(g).all():
        raise ValueError("gradients have values that are not finite")
    one_of(dtype, "dtype", DTYPES)
    n, d = g.shape
    values = np.linalg.svd((g - g.mean(axis=0)) / np.sqrt(n), compute_uv=False) ** 2
    eigenvalues = frozen(values[: min(n - 1, d)])
    threshold = float(eigenvalues[0]) * d * float(np.finfo(dtype).eps)
    return NoiseSpectrum(eigenvalues, d, threshold, dtype)


def least_ratio(rank_share: float) -> float:
    r"""Least standard deviation over mean of d eigenvalues >= 0: :math:`\sqrt{1/p-1}`.

    p is the share of the d eigenvalues that are not zero: by the inequality of Cauchy and Schwarz,
    :math:`(\sum\lambda)^2\le p\,d\sum\lambda^2`. A smaller ratio cannot be over all d.

    Parameters
    ----------
    rank_share : float
        p, in (0, 1].

    Returns
    -------
    float

    Raises
    ------
    ValueError
        If p is not in (0, 1].

    Examples
    --------
    >>> from fokkerplanck.sgd.gradient_noise import least_ratio
    >>> round(least_ratio(0.0034), 1)
    17.1
    """
    if not 0 < rank_share <= 1:
        raise ValueError(f"rank_share is {rank_share!r}; give a share in (0, 1]")
    return float(np.sqrt(1 / rank_share - 1))
