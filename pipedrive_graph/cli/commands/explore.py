"""`pipedrive-graph explore`: the ten questions as a notebook in the browser, on this machine alone."""

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
"""What the extra `explore` brings."""

NOTEBOOK = "explore.py"

_QUIET = {
    "MARIMO_SKIP_UPDATE_CHECK": "1",  # it would ask the package index
    "MARIMO_RESTRICT_SHARING": "1",  # no button that would send a notebook away
}


@click.command("explore")
@click.option("--company", type=COMPANY, help="The company to begin with; by default, the first.")
@click.option("--edit", is_flag=True, help="Open a copy in the home folder, which is yours to change.")
@click.option("--port", type=click.IntRange(1, 65535), help="Where to serve it; by default, where it can.")
@click.option("--headless", is_flag=True, help="Print the address, and open no browser.")
@as_root_value
@debug_option
def command(
    *, company: str | None, edit: bool, port: int | None, headless: bool, as_root: bool, debug: bool
) -> None:
    """Answer ten questions about the published file in a notebook, with charts, until interrupted.

    It is served to this machine alone, to whoever has the address that is printed.
    """
    if any(importlib.util.find_spec(name) is None for name in NEEDED):
        raise PipedriveGraphError(
            'The notebook needs what is not installed; run `pip install "pipedrive-graph[explore]"`.'
        )
    settings = settings_module.load()
    open_published(settings.published, company=company).close()
    if edit:
        write_as(as_root)
    notebook = _own_copy(settings.home) if edit else _shipped()
    arguments = ["--host", LOOPBACK, "--token"]
    if port:
        # marimo would take the next one without a word
        check_free(LOOPBACK, port, what=f"the notebook on port {port}")
        arguments += ["--port", str(port)]
    arguments += ["--headless"] if headless else []
    asked = ["--file", str(settings.published), *(["--company", company] if company else [])]
    click.get_current_context().find_root().close()  # this process is replaced
    _serve(["edit" if edit else "run", str(notebook), *arguments, "--", *asked])


def _serve(arguments: list[str]) -> None:
    """Become marimo, so that whoever ends this process ends the notebook's server."""
    sys.stdout.flush()
    # marimo's own token comes from a hash; ours goes through a pipe, because other users see arguments
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
    """The user's own notebook, made from ours where there is none yet."""
    own = home / NOTEBOOK
    trust.check(own)
    if not own.exists():
        files.write_atomically(own, _shipped().read_bytes())
        say(f"Made {own}, a copy of the notebook that is yours to change.")
    return own
