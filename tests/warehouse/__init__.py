"""The warehouse: files of sql/ as models, what they become, and what is read into them."""
