"""Problem to edge list to generator, and what is read off the edges: fluxes and currents."""
