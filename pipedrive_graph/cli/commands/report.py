"""`pipedrive-graph report`: writes the access report, one HTML file per company."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import click

from pipedrive_graph.builder import configuration as config
from pipedrive_graph.cli.commands.completion import companies_option
from pipedrive_graph.cli.runner import as_root_option, debug_option, parsed_day
from pipedrive_graph.common import files
from pipedrive_graph.common.text import printable
from pipedrive_graph.errors import ConfigurationError
from pipedrive_graph.exports.output import placed
from pipedrive_graph.reports.access.report import write_access_report
from pipedrive_graph.reports.access.source import companies


@click.command("report")
@companies_option("wanted", otherwise="all that are published")
@click.option(
    "--since", help="Compare with the last snapshot before this day (UTC); by default, with the previous one."
)
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False, readable=False),
    help="Where to write it; an earlier report is replaced. By default, in the company's report folder.",
)
@click.option("--force", is_flag=True, help="With --out: replace the file even if it is not a report.")
@as_root_option
@debug_option
def command(
    *, wanted: tuple[str, ...], since: str | None, out: Path | None, force: bool, debug: bool
) -> None:
    """Write the access report from the published file, and print its path.

    The report is a single HTML file that needs no network and can be printed.
    """
    day: date | None = parsed_day(since, "--since") if since else None
    configuration = config.load()
    settings = configuration.settings
    names = list(dict.fromkeys(wanted)) or companies(settings.published)
    if out and len(names) > 1:
        raise ConfigurationError(f"--out is one file; name one of the companies: {', '.join(names)}.")
    for company in names:
        if out:
            path = files.expanded(out)
            with placed(path, settings.output.within(path), folder=False, force=force) as temporary:
                write_access_report(settings, company, since=day, out=temporary)
        else:
            path = write_access_report(settings, company, since=day)
        click.echo(printable(str(path)))
