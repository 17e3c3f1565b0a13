"""What `pipedrive-graph explore` opens: a notebook over the published file; it may be copied and changed."""
