"""`pipedrive-graph explore`: serves the notebook of ten questions to the browser, on this machine only."""

from __future__ import annotations

import importlib.util
import os
import secrets
import sys
from pathlib import Path

import click

from pipedrive_graph.cli.commands.completion import COMPANY
from pipedrive_graph.cli.port import LOOPBACK, check_free
from pipedrive_graph.cli.runner import as_root_value, debug_option, say, write_as
from pipedrive_graph.common import environment, files, trust
from pipedrive_graph.config import settings as settings_module
from pipedrive_graph.errors import PipedriveGraphError
from pipedrive_graph.published.identity_graph import open_published

NEEDED = ("marimo", "altair")
"""The packages of the extra `explore`."""

NOTEBOOK = "explore.py"

_QUIET = {
    "MARIMO_SKIP_UPDATE_CHECK": "1",  # the check would contact the package index
    "MARIMO_RESTRICT_SHARING": "1",  # removes the button that uploads a notebook
}


@click.command("explore")
@click.option("--company", type=COMPANY, help="The company to start with; by default, the first.")
@click.option("--edit", is_flag=True, help="Open a copy in the home folder, which you can change.")
@click.option("--port", type=click.IntRange(1, 65535), help="Port to serve on; by default, any free port.")
@click.option("--headless", is_flag=True, help="Print the address without opening a browser.")
@as_root_value
@debug_option
def command(
    *, company: str | None, edit: bool, port: int | None, headless: bool, as_root: bool, debug: bool
) -> None:
    """Answer ten questions about the published file in a notebook, with charts, until interrupted.

    It is served on this machine only, to anybody who has the printed address.
    """
    if any(importlib.util.find_spec(name) is None for name in NEEDED):
        raise PipedriveGraphError(
            'The notebook needs more packages; run `pip install "pipedrive-graph[explore]"`.'
        )
    settings = settings_module.load()
    open_published(settings.published, company=company).close()
    if edit:
        write_as(as_root)
    notebook = _own_copy(settings.folder) if edit else _shipped()
    arguments = ["--host", LOOPBACK, "--token"]
    if port:
        # marimo would silently use the next port
        check_free(LOOPBACK, port, what=f"the notebook on port {port}")
        arguments += ["--port", str(port)]
    arguments += ["--headless"] if headless else []
    parameters = ["--file", str(settings.published), *(["--company", company] if company else [])]
    click.get_current_context().find_root().close()  # this process is replaced
    _serve(["edit" if edit else "run", str(notebook), *arguments, "--", *parameters])


def _serve(arguments: list[str]) -> None:
    """Replace this process by marimo, so that ending it ends the notebook's server."""
    sys.stdout.flush()
    # marimo's own token is a hash; ours goes through a pipe, because other users can see arguments
    reading, writing = os.pipe()
    os.write(writing, secrets.token_urlsafe(32).encode())
    os.close(writing)
    os.set_inheritable(reading, True)
    after = arguments.index("--token") + 1
    arguments = [*arguments[:after], "--token-password-file", f"/dev/fd/{reading}", *arguments[after:]]
    os.execve(  # noqa: S606 - this Python, and arguments of our own
        sys.executable, [sys.executable, "-m", "marimo", *arguments], {**environment.inherited(), **_QUIET}
    )


def _shipped() -> Path:
    return Path(__file__).parent.parent.parent / "notebooks" / NOTEBOOK


def _own_copy(home: Path) -> Path:
    """The user's own notebook; it is copied from ours if it does not exist yet."""
    own = home / NOTEBOOK
    trust.check(own)
    if not own.exists():
        files.write_atomically(own, _shipped().read_bytes())
        say(f"Created {own}, a copy of the notebook that you can change.")
    return own
