"""The command line: `pipedrive-graph` and its commands, one module each.

Errors end in one plain sentence and an exit code; a traceback appears with `--debug` only.
"""

from __future__ import annotations

import logging
import sys

from pipedrive_graph.cli import output
from pipedrive_graph.cli.app import group
from pipedrive_graph.cli.ending import end
from pipedrive_graph.cli.runner import run, say


def main() -> None:
    """Run the command line, and end the process with its exit code.

    A reader that closes the pipe changes nothing about the code; output that is lost otherwise is an error.
    """
    output.secure()
    code = run(group, sys.argv[1:])
    error = output.lost()
    if error is not None:
        say(f"The output could not be written ({error.strerror}).", logging.ERROR, exit_code=code or 1)
    end(code or int(error is not None))
