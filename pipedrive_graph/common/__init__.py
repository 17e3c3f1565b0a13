"""Modules that all rooms share: time, text, addresses, files, locks, the network, and secrets in messages."""
