"""Keeps within the limits of the API: how fast, how much a day, and when to retry."""
