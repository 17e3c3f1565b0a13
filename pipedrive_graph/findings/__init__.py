"""Keeps findings over time: first seen, last seen, resolved on proof."""
