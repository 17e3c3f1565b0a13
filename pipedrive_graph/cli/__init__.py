"""The command line `pipedrive-graph`; each command has its own module.

An error ends the command with one plain sentence and an exit code. Only `--debug` prints a traceback.
"""

from __future__ import annotations

import logging
import sys

from pipedrive_graph.cli import streams
from pipedrive_graph.cli.app import group
from pipedrive_graph.cli.ending import end
from pipedrive_graph.cli.runner import run, say


def main() -> None:
    """Run the command line, and end the process with its exit code.

    The exit code does not change if the reader closes the pipe. Output lost for another reason is an error.
    """
    streams.secure()
    code = run(group, sys.argv[1:])
    error = streams.lost()
    if error is not None:
        say(f"The output could not be written ({error.strerror}).", logging.ERROR, exit_code=code or 1)
    end(code or int(error is not None))
