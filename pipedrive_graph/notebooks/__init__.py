"""The notebook over the published file that `pipedrive-graph explore` opens; users can copy and change it."""
