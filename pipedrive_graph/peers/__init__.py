"""Peer analysis: which grants a user's peers do not have, by more than chance explains."""
