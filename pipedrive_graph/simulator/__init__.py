"""A realistic Pipedrive server with faults, on a loopback port; it shares no code with the client."""
