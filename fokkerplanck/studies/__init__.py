"""Studies: the same question at many parameters."""

from fokkerplanck.studies.sweep_result import Sweep
from fokkerplanck.studies.sweeping import SweepInterrupt, sweep

__all__ = ["Sweep", "SweepInterrupt", "sweep"]
