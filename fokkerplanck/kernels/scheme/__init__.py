"""Tensors, stencils, edges, rates, fluxes and currents."""
