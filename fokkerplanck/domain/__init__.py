"""The box and what lives on it: cells, fields, densities, files of results, checks of arguments."""
