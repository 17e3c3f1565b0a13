"""Speaks to Pipedrive: HTTP, authentication, pacing, the collection plan, and the records of its answers."""
