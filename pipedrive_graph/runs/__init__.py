"""Records the last run of each company, and evaluates its health for monitoring."""
