"""The module that Dagster loads: the definitions for the settings of this environment.

A mistake in the settings does not fail the import: each run fails with a sentence about it, and the sensors
send the alert.
"""

from pipedrive_graph.orchestration.build import assemble
from pipedrive_graph.orchestration.configuration import load_leniently

defs = assemble(load_leniently())
