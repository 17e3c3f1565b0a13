"""Exports the published file for other programs: one module per format, and the list of formats."""
