"""Reference problems with known answers: `Exact` and the functions that make them.

`catalogue()` holds one of each at its default parameters, keyed by code; `table()` prints them,
and `binary_perceptron`, which is no diffusion but a landscape on the corners of a cube.
`degenerate()` holds those whose noise is missing in some directions, or drowns in what upwinding
adds.
"""

from fokkerplanck.zoo.attractors import lorenz
from fokkerplanck.zoo.circulating import abc_flow, stuart_landau, torus_loss
from fokkerplanck.zoo.diffusion import advection_diffusion, heat
from fokkerplanck.zoo.driven import fitzhugh_nagumo, van_der_pol
from fokkerplanck.zoo.escape import accelerated, kramers_well
from fokkerplanck.zoo.exact import Exact
from fokkerplanck.zoo.examples import example_19, repaired_example, ring, ring_3d, shell
from fokkerplanck.zoo.gibbs import (
    commuting_diffusion,
    double_well,
    hidden_anisotropy,
    invisible_noise,
    scaled_diffusion,
)
from fokkerplanck.zoo.households import household_wealth
from fokkerplanck.zoo.landscapes import Perceptron, binary_perceptron, local_entropy
from fokkerplanck.zoo.linear_drift import (
    gyrator,
    gyrator_3d,
    langevin,
    ornstein_uhlenbeck,
    spiral,
    spiral_3d,
)
from fokkerplanck.zoo.manufactured import manufactured_plane, manufactured_space
from fokkerplanck.zoo.movements import barenblatt, bures_geodesic, jko_gaussian
from fokkerplanck.zoo.one_dimension import (
    jacobi,
    noise_induced_transition,
    noise_repelled_modes,
    square_root_diffusion,
    tilted_ring,
)
from fokkerplanck.zoo.populations import gene_expression, predator_prey
from fokkerplanck.zoo.sgd_models import (
    linear_regression_sgd,
    multiplicative_noise,
    regression_covariance,
    regression_losses,
)
from fokkerplanck.zoo.singular_walls import (
    heston,
    log_normal,
    neutral_fixation,
    wright_fisher,
)
from fokkerplanck.zoo.spectra import (
    autoregressive_psd,
    heavy_ball,
    heavy_ball_covariance,
    increment_psd,
    sgd_increments,
)
from fokkerplanck.zoo.true_losses import moving_potential, scalar_noise
from fokkerplanck.zoo.underdamped import kramers_plane, leaky_integrator, one_noise
from fokkerplanck.zoo.walls import manufactured_wall

__all__ = [
    "Exact",
    "Perceptron",
    "abc_flow",
    "accelerated",
    "advection_diffusion",
    "autoregressive_psd",
    "barenblatt",
    "binary_perceptron",
    "bures_geodesic",
    "catalogue",
    "commuting_diffusion",
    "degenerate",
    "double_well",
    "example_19",
    "fitzhugh_nagumo",
    "gene_expression",
    "gyrator",
    "gyrator_3d",
    "heat",
    "heavy_ball",
    "heavy_ball_covariance",
    "heston",
    "hidden_anisotropy",
    "household_wealth",
    "increment_psd",
    "invisible_noise",
    "jacobi",
    "jko_gaussian",
    "kramers_plane",
    "kramers_well",
    "langevin",
    "leaky_integrator",
    "linear_regression_sgd",
    "local_entropy",
    "log_normal",
    "lorenz",
    "manufactured_plane",
    "manufactured_space",
    "manufactured_wall",
    "moving_potential",
    "multiplicative_noise",
    "neutral_fixation",
    "noise_induced_transition",
    "noise_repelled_modes",
    "one_noise",
    "ornstein_uhlenbeck",
    "predator_prey",
    "regression_covariance",
    "regression_losses",
    "repaired_example",
    "ring",
    "ring_3d",
    "scalar_noise",
    "scaled_diffusion",
    "sgd_increments",
    "shell",
    "spiral",
    "spiral_3d",
    "square_root_diffusion",
    "stuart_landau",
    "table",
    "tilted_ring",
    "torus_loss",
    "van_der_pol",
    "wright_fisher",
]


def catalogue() -> dict[str, Exact]:
    """Every reference problem at its default parameters, keyed by code.

    Returns
    -------
    dict of str to Exact
        Codes R… (references), E… (examples), W… (manufactured, with walls that matter). R14 is E3.

    Examples
    --------
    >>> from fokkerplanck import zoo
    >>> zoo.catalogue()["R2"]
    Exact(R2 gyrator, 2D, kT=0.1: Brownian gyrator, a true loss with constant D)
    """
    plain = [
        ornstein_uhlenbeck(), gyrator(), spiral(), spiral_3d(), gyrator_3d(),
        sgd_increments(), sgd_increments("spiral"),
        double_well(), scaled_diffusion(), commuting_diffusion(),
        noise_induced_transition(), noise_repelled_modes(), tilted_ring(),
        square_root_diffusion(), jacobi(),
        manufactured_plane("flat"), manufactured_plane("mixed"), manufactured_plane("steep"),
        manufactured_space("gradient"), manufactured_space("mixed"), abc_flow(),
        heat(), advection_diffusion(), barenblatt(), bures_geodesic(), jko_gaussian(),
        kramers_well(), langevin(), stuart_landau(),
        multiplicative_noise(), linear_regression_sgd(), hidden_anisotropy(), torus_loss(),
        invisible_noise(),
        local_entropy(), accelerated(), scalar_noise(), moving_potential(),
        wright_fisher(), log_normal(), heston(), neutral_fixation(),
        example_19(), repaired_example(), ring(), ring_3d(), shell(),
    ]  # fmt: skip
    return {exact.code: exact for exact in [*plain, *_walls()]}


def degenerate() -> dict[str, Exact]:
    """Problems with noise in some directions only, or little of it, at their default parameters.

    Returns
    -------
    dict of str to Exact
        Keyed by code: the oscillator R23 of the catalogue, and N…: most carry numbers that upwind
        chains miss, many by factors, on grids of any usual size.

    Examples
    --------
    >>> from fokkerplanck import zoo
    >>> list(zoo.degenerate())
    ['R23', 'N1', 'N2', 'N3', 'N4', 'N5', 'N6', 'N7', 'N8', 'N9']
    """
    problems = [
        langevin(),
        kramers_plane(),
        leaky_integrator(),
        one_noise(),
        van_der_pol(),
        fitzhugh_nagumo(),
        lorenz(),
        predator_prey(),
        gene_expression(),
        household_wealth(),
    ]
    return {exact.code: exact for exact in problems}


def _walls() -> list[Exact]:
    """One manufactured problem of each kind, with codes of their own."""
    return [
        manufactured_wall(kappa, reversible, periodic, dim=dim)
        for dim in (2, 3)
        for kappa in (1.0, 10.0)
        for reversible in (True, False)
        for periodic in (False, True)
    ]


def table() -> str:
    """Print-ready list of all that have codes: code, constructor, dimension, temperature, title.

    Examples
    --------
    >>> from fokkerplanck import zoo
    >>> print(zoo.table().splitlines()[2])
    R2      gyrator                   2D  kT 0.1   Brownian gyrator, a true loss with constant D
    """
    lines = [f"{'code':<7} {'constructor':<25} dim temp.    title"]
    for code, exact in {**catalogue(), **degenerate()}.items():
        lines.append(f"{code:<7} {exact.name:<25} {exact.dim}D  kT {exact.kT:<5g} {exact.title}")
    discrete = binary_perceptron()
    bits = f"{discrete.n_weights} bits"
    lines.append(f"{discrete.code:<7} {discrete.name:<25} {bits:<11} {discrete.title}")
    return "\n".join(lines)
