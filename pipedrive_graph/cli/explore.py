"""`pipedrive-graph explore`: the ten questions as a notebook in the browser, on this machine alone."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import click

from pipedrive_graph import files
from pipedrive_graph import settings as settings_module
from pipedrive_graph.cli.frame import debug_option, say
from pipedrive_graph.errors import PipedriveGraphError
from pipedrive_graph.reports.frames import open_published

NEEDED = ("marimo", "altair")
"""What the extra `explore` brings."""

NOTEBOOK = "explore.py"

LOOPBACK = "127.0.0.1"
PORT = 2718

_QUIET = {
    "MARIMO_SKIP_UPDATE_CHECK": "1",  # it would ask the package index
    "MARIMO_RESTRICT_SHARING": "1",  # no button that would send a notebook away
}


@click.command("explore")
@click.option("--company", help="The company to begin with; by default, the first.")
@click.option("--edit", is_flag=True, help="Open a copy in the home folder, which is yours to change.")
@click.option(
    "--port", type=click.IntRange(1, 65535), default=PORT, show_default=True, help="Where to serve it."
)
@click.option("--headless", is_flag=True, help="Print the address, and open no browser.")
@debug_option
def command(*, company: str | None, edit: bool, port: int, headless: bool, debug: bool) -> None:
    """Answer ten questions about the published file in a notebook, with charts, until interrupted.

    It is served to this machine alone, to whoever has the address that is printed.
    """
    if any(importlib.util.find_spec(name) is None for name in NEEDED):
        raise PipedriveGraphError(
            'The notebook needs what is not installed; run `pip install "pipedrive-graph[explore]"`.'
        )
    settings = settings_module.load()
    open_published(settings.published, company=company).close()
    notebook = _own_copy(settings.home) if edit else _shipped()
    arguments = ["--host", LOOPBACK, "--port", str(port), "--token"]
    arguments += ["--headless"] if headless else []
    asked = ["--file", str(settings.published), *(["--company", company] if company else [])]
    code = _serve(["edit" if edit else "run", str(notebook), *arguments, "--", *asked])
    if code:
        raise PipedriveGraphError(
            f"marimo ended with code {code}; is port {port} free? --port takes another."
        )


def _serve(arguments: list[str]) -> int:
    """Run marimo until it ends; an interrupt reaches it as well, and ends it in its own way."""
    process = subprocess.Popen(  # noqa: S603 - this Python, and arguments of our own
        [sys.executable, "-m", "marimo", *arguments], env={**os.environ, **_QUIET}
    )
    try:
        return process.wait()
    except KeyboardInterrupt:
        process.wait()
        return 0


def _shipped() -> Path:
    return Path(__file__).parent.parent / "notebooks" / NOTEBOOK


def _own_copy(home: Path) -> Path:
    """The user's own notebook, made from ours where there is none yet."""
    own = home / NOTEBOOK
    if not own.exists():
        files.write_atomically(own, _shipped().read_bytes())
        say(f"Made {own}, a copy of the notebook that is yours to change.")
    return own
