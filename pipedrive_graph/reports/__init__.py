"""Renders what the published tables say for people: files and the terminal."""
