"""Collects one company: makes the planned calls, stores each response on arrival, resumes interrupted runs.

The result is a committed snapshot with a verdict: complete; partial, which means that missing data proves
nothing; or rejected, which means that too little was answered to be trusted.
"""

from pipedrive_graph.collect.progress import Observer, Progress
from pipedrive_graph.collect.run import collect

__all__ = ["Observer", "Progress", "collect"]
