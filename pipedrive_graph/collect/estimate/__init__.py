"""Estimates what a collection will cost, without making it."""
