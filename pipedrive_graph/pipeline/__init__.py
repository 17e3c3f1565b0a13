"""The steps of a run over companies: land, build, publish, report, alert. `sync` and Dagster use it.

Land collects companies into their landings, many at once. Build loads pending snapshots into the warehouse,
as a batch. Publish writes the file that people open, once per batch. Then report and alert run per company.
"""

from pipedrive_graph.pipeline.events import Events
from pipedrive_graph.pipeline.fleet import Request, collect, publish_pending, run
from pipedrive_graph.pipeline.land import Landed, land, rejection

__all__ = ["Events", "Landed", "Request", "collect", "land", "publish_pending", "rejection", "run"]
