"""Runs the rules and keeps their findings over time."""
