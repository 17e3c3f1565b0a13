"""Checks beforehand what the next sync needs, and with which exit code it would end.

Nothing is written but a renewed OAuth token.
"""

from pipedrive_graph.checkup.check import Check, State
from pipedrive_graph.checkup.examination import examine

__all__ = ["Check", "State", "examine"]
