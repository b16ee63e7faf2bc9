"""Pictures with matplotlib: each function takes ``ax=None``, returns its artists, shows nothing."""

from fokkerplanck.plot.animations import Animation, animate
from fokkerplanck.plot.axes import canvas, colorbar
from fokkerplanck.plot.fields import density, line, potential, signed, streamlines
from fokkerplanck.plot.force_fields import ForceField, force_field
from fokkerplanck.plot.ledgers import Ledger, ledger, truth_table
from fokkerplanck.plot.likelihoods import likelihood
from fokkerplanck.plot.modes import mode, spectrum
from fokkerplanck.plot.movements import energy, order, trajectories, transport_map
from fokkerplanck.plot.movies import movie
from fokkerplanck.plot.portraits import portrait, stream_function
from fokkerplanck.plot.rates import committor, reactive
from fokkerplanck.plot.results import Portrait, current, free_energy, steady
from fokkerplanck.plot.space import Panels, isosurface, orbit, projections, slices

__all__ = [
    "Animation",
    "ForceField",
    "Ledger",
    "Panels",
    "Portrait",
    "animate",
    "canvas",
    "colorbar",
    "committor",
    "current",
    "density",
    "energy",
    "force_field",
    "free_energy",
    "isosurface",
    "ledger",
    "likelihood",
    "line",
    "mode",
    "movie",
    "orbit",
    "order",
    "portrait",
    "potential",
    "projections",
    "reactive",
    "signed",
    "slices",
    "spectrum",
    "steady",
    "stream_function",
    "streamlines",
    "trajectories",
    "transport_map",
    "truth_table",
]
