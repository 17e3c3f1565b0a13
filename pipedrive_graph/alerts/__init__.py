"""Sends alerts by webhook or e-mail about what should not wait for a report; each event is sent once."""
