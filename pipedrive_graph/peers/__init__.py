"""Peer analysis: finds permissions that a user holds and the user's peers do not, beyond chance."""
