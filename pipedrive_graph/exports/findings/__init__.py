"""Formats for findings."""
