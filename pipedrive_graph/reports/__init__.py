"""Renders the published tables for people: as files and in the terminal."""
