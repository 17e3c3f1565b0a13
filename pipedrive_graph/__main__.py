"""Runs the command line with `python -m pipedrive_graph`."""

from pipedrive_graph.cli import main

main()
