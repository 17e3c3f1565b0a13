"""`pipedrive-graph doctor`: whether everything is as a nightly run needs it."""

from __future__ import annotations

import asyncio
import os
import platform
from importlib.metadata import version
from pathlib import Path

import click
from rich.console import Console
from rich.text import Text

import pipedrive_graph
from pipedrive_graph import settings as settings_module
from pipedrive_graph.cli import terminal
from pipedrive_graph.cli.frame import WORST_FIRST, debug_option, sentence
from pipedrive_graph.companies import Company
from pipedrive_graph.errors import PipedriveGraphError
from pipedrive_graph.pipedrive.client import Pipedrive
from pipedrive_graph.pipedrive.records import Me

LIBRARIES = ("dagster", "duckdb", "pandas", "httpx", "sqlglot")


@click.command("doctor")
@debug_option
def command(*, debug: bool) -> int:
    """Check token, rights, limits, paths and versions; one call per company, nothing is written."""
    console, settings, codes = terminal.console(), settings_module.load(), [0]
    libraries = ", ".join(f"{name} {version(name)}" for name in LIBRARIES)
    _line(
        console,
        "version",
        f"{pipedrive_graph.__version__} on Python {platform.python_version()}, {libraries}",
    )
    _line(console, "home", f"{settings.home} ({_writable(settings.home)})")
    published = "published" if settings.published.exists() else "nothing published yet"
    _line(console, "database", f"{settings.published} ({published})")
    for company in settings.companies:
        try:
            _line(console, company.name, asyncio.run(_check(company, console)), good=True)
        except PipedriveGraphError as error:
            _line(console, company.name, sentence(error), good=False)
            codes.append(error.exit_code)
    return min(codes, key=WORST_FIRST.index)


async def _check(company: Company, console: Console) -> str:
    def warn(text: str) -> None:
        _line(console, company.name, text)

    async with Pipedrive.of(company, warn=warn) as client:
        owner = (await client.preflight()).rows(Me)[0]
        return (
            f"{owner.company_name or owner.company_id} at {company.base_url}, as {owner.email or owner.id}; "
            f"{client.stats.limit} requests per {client.stats.window:g} s"
        )


def _writable(folder: Path) -> str:
    existing = next(path for path in (folder, *folder.parents) if path.exists())
    usable = existing.is_dir() and os.access(existing, os.W_OK | os.X_OK)
    return "writable" if usable else "not writable"


def _line(console: Console, name: str, text: str, *, good: bool | None = None) -> None:
    style = {True: "green", False: "red", None: ""}[good]
    console.print(Text.assemble((f"{name:<10}", "bold"), (text, style)), soft_wrap=True)
