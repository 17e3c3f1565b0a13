"""The identity graph of a Pipedrive company: read every night, kept as history, published as one file.

`pipedrive_graph.open()` gives the published tables as pandas frames.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from pipedrive_graph._version import __version__

if TYPE_CHECKING:
    from pipedrive_graph.published.identity_graph import open_published as open  # noqa: A004 - pipedrive_graph.open

__all__ = ["__version__", "open"]


def __getattr__(name: str) -> object:
    """Import what `open` needs when it is used: the command line answers faster without."""
    if name == "open":
        return import_module("pipedrive_graph.published.identity_graph").open_published
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
