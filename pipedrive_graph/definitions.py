"""What Dagster loads: the definitions for the settings of this environment."""

from pipedrive_graph import settings
from pipedrive_graph.orchestration.assemble import build_definitions

defs = build_definitions(settings.load())
