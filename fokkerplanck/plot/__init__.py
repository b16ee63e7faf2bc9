"""Pictures with matplotlib: each function takes ``ax=None``, returns its artists, shows nothing."""

from fokkerplanck.plot.axes import canvas, colorbar
from fokkerplanck.plot.fields import density, line, potential, signed, streamlines
from fokkerplanck.plot.modes import mode, spectrum
from fokkerplanck.plot.movements import energy, order, trajectories, transport_map
from fokkerplanck.plot.rates import committor, reactive
from fokkerplanck.plot.results import Portrait, current, free_energy, steady

__all__ = [
    "Portrait",
    "canvas",
    "colorbar",
    "committor",
    "current",
    "density",
    "energy",
    "free_energy",
    "line",
    "mode",
    "order",
    "potential",
    "reactive",
    "signed",
    "spectrum",
    "steady",
    "streamlines",
    "trajectories",
    "transport_map",
]
