"""Checks what the next sync needs (`doctor`), and whether stored files and tables are damaged (`verify`).

`visibility check` compares the model of who can see what with Pipedrive. All of them write nothing but a
renewed OAuth token.
"""

from pipedrive_graph.checkup.check import Check, State
from pipedrive_graph.checkup.examination import examine
from pipedrive_graph.checkup.verification import verify

__all__ = ["Check", "State", "examine", "verify"]
