"""Studies: the same question at many parameters, and parameters from data."""

from fokkerplanck.studies.fit_result import Fit, Profile
from fokkerplanck.studies.fitting import fit
from fokkerplanck.studies.sweep_result import Sweep
from fokkerplanck.studies.sweeping import SweepInterrupt, sweep

__all__ = ["Fit", "Profile", "Sweep", "SweepInterrupt", "fit", "sweep"]
