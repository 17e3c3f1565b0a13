"""Estimates the cost of a collection before it is made."""
