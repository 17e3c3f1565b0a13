"""The Pipedrive client: HTTP, authentication, rate limits, retries, and the records in its responses."""
