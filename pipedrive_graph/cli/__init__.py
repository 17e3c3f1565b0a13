"""The command line: `pipedrive-graph` and its commands, one module each.

Errors end in one plain sentence and an exit code; a traceback appears with `--debug` only.
"""

from __future__ import annotations

import sys

from pipedrive_graph.cli.frame import run
from pipedrive_graph.cli.group import commands


def main() -> None:
    """Run the command line, and end the process with its exit code."""
    sys.exit(run(commands, sys.argv[1:]))
