"""`pipedrive-graph doctor`: checks what the next sync needs, and prints the result of each check."""

from __future__ import annotations

import json
import platform
from importlib.metadata import version

import click
from rich.console import Console
from rich.text import Text

from pipedrive_graph._version import __version__
from pipedrive_graph.builder import configuration as config
from pipedrive_graph.checkup import Check, State, examine
from pipedrive_graph.checkup.check import fault
from pipedrive_graph.cli import terminal
from pipedrive_graph.cli.commands.completion import companies_option
from pipedrive_graph.cli.runner import as_root_option, debug_option, worst
from pipedrive_graph.common.text import printable
from pipedrive_graph.errors import ConfigurationError

LIBRARIES = ("dagster", "duckdb", "pandas", "httpx", "sqlglot")

STYLES = {State.OK: "green", State.WARNING: "yellow", State.FAULT: "red"}


@click.command("doctor")
@companies_option("names")
@click.option("--thorough", is_flag=True, help="Read every file of every snapshot, and compare its sha256.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object per check, one line each.")
@as_root_option
@debug_option
def command(*, names: tuple[str, ...], thorough: bool, as_json: bool, debug: bool) -> int:
    """Check what the next sync needs, and exit with the code with which it would end.

    Checks token, rights, lists, files, disk space, warehouse, landing, journal and the settings files. Sends
    four requests per company, and writes nothing but a renewed OAuth token.
    """
    console, codes = terminal.console(), [0]
    try:
        configuration = config.load()
    except ConfigurationError as error:
        if not as_json:
            raise
        show(console, fault("settings", error), as_json=True)
        return error.exit_code
    companies = configuration.settings.chosen(names)
    libraries = ", ".join(f"{name} {version(name)}" for name in LIBRARIES)
    text = f"{__version__} on Python {platform.python_version()}, {libraries}"
    show(console, Check("version", text), as_json=as_json)
    for check in examine(configuration, companies, thorough=thorough):
        show(console, check, as_json=as_json)
        codes.append(check.exit_code)
    return worst(codes)


def show(console: Console, check: Check, *, as_json: bool) -> None:
    """Print the result of a check."""
    if as_json:
        click.echo(json.dumps(check.as_json()))
        return
    name = f"{printable(check.company or check.name):<10}"
    console.print(
        Text.assemble((name, "bold"), " ", (printable(check.text), STYLES[check.state])), soft_wrap=True
    )
