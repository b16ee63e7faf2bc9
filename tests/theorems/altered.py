"""Steady states that are wrong in the same way on all grids: what a broken library would give."""

from dataclasses import replace

import numpy as np

from fokkerplanck.theorems.study import Study


def altered(problem, currents=None, log_rho=None):
    """Study of a problem whose state, on every grid, went through the functions given."""
    study = Study(problem)
    for s in (study, study.coarse, study.coarse.coarse):
        state = s.steady
        if currents is not None:
            state = replace(state, currents=currents(state.currents))
        if log_rho is not None:
            state = replace(state, log_rho=log_rho(state))
        s.steady = state
    return study


def steeper(factor):
    """Log density of a potential that is so many times as high."""

    def change(state):
        log_rho = factor * state.log_rho
        return (
            log_rho - np.log(state.grid.integrate(np.exp(log_rho - log_rho.max()))) - log_rho.max()
        )

    return change
