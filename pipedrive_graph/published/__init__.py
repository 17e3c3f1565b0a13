"""Reads the published file."""
