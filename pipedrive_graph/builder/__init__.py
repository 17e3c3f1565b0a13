"""Builds the warehouse from snapshots and decisions, and publishes it."""
