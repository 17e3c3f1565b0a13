"""What Dagster loads: the definitions for the settings of this environment.

They can be imported whatever is wrong with the settings: a run says what it is, and the sensors report it.
"""

from pipedrive_graph.orchestration.build import assemble
from pipedrive_graph.orchestration.configuration import load_leniently

defs = assemble(load_leniently())
