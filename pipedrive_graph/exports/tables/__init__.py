"""Formats for tables."""
