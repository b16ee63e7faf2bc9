r"""Energies of a density, for gradient flows: internal, potential and interaction energy.

.. math:: E(\rho) = \int U(\rho)\,dx + \int V\rho\,dx + \tfrac12\iint W(x-y)\,\rho(x)\,\rho(y)

Their Wasserstein gradient flow is
:math:`\rho_t=\nabla\cdot(\rho\,D\,\nabla\delta E/\delta\rho)`, first variation
:math:`\delta E/\delta\rho=U'(\rho)+V+W*\rho`. Energies are added by ``+``.
"""

from fokkerplanck.energies.external import Dirichlet, Interaction, Potential
from fokkerplanck.energies.functional import Energy, Sum
from fokkerplanck.energies.internal import Congestion, Entropy, FreeEnergy, PorousMedium

__all__ = [
    "Congestion",
    "Dirichlet",
    "Energy",
    "Entropy",
    "FreeEnergy",
    "Interaction",
    "PorousMedium",
    "Potential",
    "Sum",
]
