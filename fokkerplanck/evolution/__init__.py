"""Evolution of a density: the time loop, events, densities between steps, the solution."""
