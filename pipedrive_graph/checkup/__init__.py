"""Checks beforehand what the next sync needs, and whether everything that is kept is as it was written.

Nothing is written but a renewed OAuth token.
"""

from pipedrive_graph.checkup.check import Check, State
from pipedrive_graph.checkup.examination import examine
from pipedrive_graph.checkup.verification import verify

__all__ = ["Check", "State", "examine", "verify"]
