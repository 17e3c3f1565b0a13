"""Keeps how the last run of each company went, and judges by it whether all is well: for monitoring."""
