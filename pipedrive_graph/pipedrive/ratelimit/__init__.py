"""Rate limits: requests per window, the daily budget, and retries."""
