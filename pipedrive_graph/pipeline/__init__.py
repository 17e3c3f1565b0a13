"""One run over companies as a list of steps: land, build, publish, report, alert. `sync` and Dagster use it.

Land reads companies into their landings, many at once. Build takes what is pending into the warehouse, as a
batch. Publish writes the file that people open, once per batch. Report and alert then follow per company.
"""

from pipedrive_graph.pipeline.events import Events
from pipedrive_graph.pipeline.fleet import Request, collect, publish_pending, run
from pipedrive_graph.pipeline.land import Landed, land, rejection

__all__ = ["Events", "Landed", "Request", "collect", "land", "publish_pending", "rejection", "run"]
