"""Renders the published file for other programs: one small module per format, and the list of formats."""
