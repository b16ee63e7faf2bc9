"""Steady states that are wrong in the same way on both grids: what a broken library would give."""

from dataclasses import replace

from fokkerplanck.theorems.study import Study


def altered(problem, currents=None, log_rho=None):
    """Study of a problem whose state, on every grid, went through the functions given."""
    study = Study(problem)
    coarse = study.coarse
    for s in (study, coarse):
        state = s.steady
        if currents is not None:
            state = replace(state, currents=currents(state.currents))
        if log_rho is not None:
            state = replace(state, log_rho=log_rho(state))
        s.__dict__["steady"] = state
    return study
