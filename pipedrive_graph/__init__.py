"""The identity graph of a Pipedrive company, read every night, kept as history, published as one file."""

__version__ = "0.1.0"
