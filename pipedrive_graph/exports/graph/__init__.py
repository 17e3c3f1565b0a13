"""Formats for graph tools."""
