"""Collects one company: runs the plan, writes every answer down as it comes, resumes what was cut off.

The end is a committed snapshot: complete; partial, where nothing is concluded from what is missing; or
rejected, where too little came back to be trusted.
"""

from pipedrive_graph.collect.progress import Observer, Progress
from pipedrive_graph.collect.run import collect

__all__ = ["Observer", "Progress", "collect"]
