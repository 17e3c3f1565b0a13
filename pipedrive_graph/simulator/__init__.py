"""A faithful, hostile Pipedrive on a loopback port; it shares no code with the client it tests."""
