"""Modes between deep wells in place of those that a search for eigenvalues loses in rounding."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy import sparse

from fokkerplanck.domain.fields import cell_text
from fokkerplanck.errors import ConvergenceError
from fokkerplanck.linalg.factors import sparse_lu
from fokkerplanck.modes.slow_modes import Masses, Modes
from fokkerplanck.modes.well_chain import SLOW, WellChain, small_modes
from fokkerplanck.scheme.flows import Flows
from fokkerplanck.scheme.generator import Generator
from fokkerplanck.steady.wells import deep_wells

#: Barrier in kT from which on a well is watched by itself.
DEPTH = 15.0
#: Wells up to which their rates are found here.
MOST_WELLS = 60
#: Rates between wells, 1/time, below which digits may be lost to underflow.
TINY = 1e-280
#: Part of the largest decay below which modes are counted.
COUNTED = 1 - 1e-6
#: The same over the largest exit rate, below which a count is rounding.
COUNTABLE = 1e-11


def between_wells(generator: Generator, masses: Masses, modes: Modes) -> Modes:
    """The modes, with those of rates that are slow against all else taken from the chain of wells.

    Raises
    ------
    ConvergenceError
        If such rates are out of reach of double precision.
    """
    log_pi = masses.log_mass if masses.log_pi is None else masses.log_pi
    density = log_pi - np.log(generator.grid.volumes.ravel())
    density = np.where(np.isfinite(density), density, -1e300)
    cores = deep_wells(generator.matrix, density, DEPTH)
    if not (1 if generator.leaks else 2) <= cores.size <= MOST_WELLS:
        return modes
    grid = generator.grid
    coordinates = np.stack(np.unravel_index(np.arange(grid.size), grid.shape), axis=1)
    chain = WellChain(Flows.from_generator(generator), coordinates, cores)
    small = chain.small()
    exits = small.rates.sum(axis=1) + small.kill
    if exits.min() < TINY:
        where = cell_text(grid, np.unravel_index(cores[np.argmin(exits)], grid.shape))
        raise ConvergenceError(
            f"the well at {where} is left at a rate of {exits.min():.0e}, below what double "
            "precision reaches (1e-280); lower beta times the barrier"
        )
    pairs = small_modes(small, log_pi[cores], masses.is_reversible)
    is_slow = np.abs(pairs.values) * chain.longest <= SLOW
    is_slow[: 0 if generator.leaks else 1] = False
    if not is_slow.any():
        return modes
    rates, omega = pairs.values[is_slow], np.exp(masses.log_mass)
    if not np.iscomplex(rates).any():
        rates = rates.real
        pairs = pairs._replace(functions=pairs.functions.real, masses=pairs.masses.real)
    U = chain.functions(pairs.functions[:, is_slow], rates)
    V = U if masses.is_reversible else chain.masses(pairs.masses[:, is_slow], rates) / omega
    fast = np.abs(modes.rates) * chain.longest > SLOW
    return replace(
        modes,
        rates=np.concatenate([-rates, modes.rates[fast]]),
        left=np.concatenate([U, modes.left[fast]]),
        right=np.concatenate([V, modes.right[fast]]),
        message=f"{modes.message}; {rates.size} rates between {cores.size} wells by elimination",
    )


def check_count(generator: Generator, rates: np.ndarray) -> None:
    """Raise if decay rates below the largest given one are missing, for detailed balance.

    Not where that one is so slow that a count is rounding: there none is missing by construction.
    """
    decay = COUNTED * float(-rates.min())
    if decay <= COUNTABLE * float(generator.exit_rates.max()):
        return
    found, counted = int(np.count_nonzero(-rates < decay)), count_below(generator, decay)
    if found < counted and found < count_below(generator, COUNTED * decay):
        raise ConvergenceError(
            f"{counted} modes decay more slowly than {decay:.6g}, but {found} of them were found "
            "(others live where there is next to no mass); ask for more modes, or lower beta times "
            "the difference of the wells",
            iterate=rates,
        )


def count_below(generator: Generator, decay: float) -> int:
    """Number of decay rates below a value, for detailed balance: Sylvester's law of inertia.

    Raises
    ------
    ConvergenceError
        If the factorisation breaks down, or there is no memory for it.
    """
    flows, n = Flows.from_generator(generator), generator.grid.size
    root = np.sqrt(flows.inflow) * np.sqrt(flows.outflow)
    S = sparse.csr_array((root, flows.indices, flows.indptr), shape=(n, n))
    scale = 1 / np.sqrt(generator.exit_rates + decay)
    matrix = sparse.diags_array(generator.exit_rates - decay) - S
    scaled = sparse.diags_array(scale) @ matrix @ sparse.diags_array(scale)
    try:
        factors = sparse_lu(scaled, equilibrate=False)
    except (RuntimeError, MemoryError) as error:
        raise ConvergenceError(
            f"the modes that decay more slowly than {decay:.6g} could not be counted: the shifted "
            f"generator has no factors ({error}); change k by one, or coarsen the grid"
        ) from error
    return int(np.count_nonzero(factors.U.diagonal() < 0))
