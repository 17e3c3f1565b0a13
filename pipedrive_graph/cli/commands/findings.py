"""`pipedrive-graph findings`: lists the findings, worst first, or shows one finding in full."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import datetime

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from pipedrive_graph.builder import configuration as config
from pipedrive_graph.builder.configuration import Configuration
from pipedrive_graph.cli import terminal
from pipedrive_graph.cli.commands.completion import companies_option
from pipedrive_graph.cli.runner import debug_option, say
from pipedrive_graph.cli.terminal import COLOURS
from pipedrive_graph.common.text import counted, near, printable
from pipedrive_graph.config.settings import Settings
from pipedrive_graph.decisions.selection import the_only
from pipedrive_graph.errors import WarehouseError
from pipedrive_graph.findings.rule_header import SEVERITIES
from pipedrive_graph.published.findings import (
    STATUSES,
    Filter,
    Group,
    Listed,
    Listing,
    beginning_with,
    grouped,
    known,
    listing,
    meaning,
)

ALL = "all"

_FACTS = {
    "finding_id": "id",
    "company": "company",
    "rule": "rule",
    "severity": "severity",
    "status": "status",
    "subject_kind": "about",
    "object": "object",
    "snapshot_id": "happened in",
    "first_seen": "first seen",
    "last_seen": "last seen",
    "opened_at": "open since",
    "reopened": "came back",
    "resolved_reason": "resolved",
    "resolved_at": "resolved at",
    "note": "note",
    "waiver_owner": "waived by",
    "waiver_reason": "waived for",
    "waiver_expires": "waived until",
}
"""The columns that are shown of one finding, with their labels."""


@click.command("findings")
@click.argument("finding", required=False)
@click.option(
    "--status",
    type=click.Choice([*STATUSES, ALL]),
    default="open",
    show_default=True,
    help="Only findings of this status.",
)
@click.option(
    "--severity",
    "severities",
    type=click.Choice(SEVERITIES),
    multiple=True,
    help="Only findings of this severity; repeatable.",
)
@click.option("--rule", "rules", multiple=True, help="Only findings of this rule; repeatable.")
@companies_option("companies", otherwise="all that are published")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object per finding, one line each.")
@debug_option
def command(
    *,
    finding: str | None,
    status: str,
    severities: tuple[str, ...],
    rules: tuple[str, ...],
    companies: tuple[str, ...],
    as_json: bool,
    debug: bool,
) -> None:
    """List the findings of the published file, worst first; or show FINDING, the beginning of an id.

    Findings of several rules about the same thing are shown as one.
    """
    configuration = config.load()
    settings = configuration.settings
    if finding:
        _show(settings, _only(settings, finding), as_json=as_json)
        return
    _check_companies(settings, companies)
    _check_rules(configuration, rules)
    statuses = STATUSES if status == ALL else (status,)
    selection = listing(settings.published, statuses, Filter(companies, severities, rules))
    if as_json:
        for listed in selection.findings:
            click.echo(listed.as_json())
    else:
        _list(terminal.console(), selection, status)
    for sentence in selection.notices:
        say(f"Warning: {sentence}")


def _check_companies(settings: Settings, companies: Iterable[str]) -> None:
    """Refuse a company without data: an empty list would look as if all were well."""
    published = known(settings.published, "current_snapshot", "company") if companies else []
    for name in companies:
        if name not in published:
            settings.company(name)  # a name that the settings do not know has its own error
            raise WarehouseError(f"Nothing of company '{name}' is published yet; run sync first.")


def _check_rules(configuration: Configuration, rules: Iterable[str]) -> None:
    """Refuse an unknown rule: an empty list would look as if all were well."""
    names = configuration.rule_names | {*known(configuration.settings.published, "findings", "rule")}
    for rule in rules:
        if rule not in names:
            meant = near(rule, sorted(names))
            raise click.BadParameter(f"there is no rule {rule}{meant}", param_hint="'--rule'")


def _only(settings: Settings, beginning: str) -> Listed:
    return the_only(beginning, lambda start: beginning_with(settings.published, start))


def _list(console: Console, selection: Listing, status: str) -> None:
    companies = {listed.values["company"] for listed in selection.findings}
    groups = grouped(selection.findings)
    if groups:
        table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim", show_edge=False)
        table.add_column("id", no_wrap=True)
        table.add_column("severity", no_wrap=True)
        table.add_column("since", no_wrap=True)
        table.add_column("finding", ratio=1, overflow="fold")
        for group in groups:
            table.add_row(*_row(group, status, company=len(companies) > 1))
        console.print(table)
    console.print(_summary(selection, status, len(groups)), soft_wrap=True, highlight=False)


def _row(group: Group, status: str, *, company: bool) -> list[Text]:
    values = group.lead.values
    labels = [values["company"]] if company else []
    labels += [values["rule"]]
    if status == ALL and values["status"] != "open":
        labels.append(values["status"])
    if values["status"] == "resolved":
        labels.append(values["resolved_reason"])
    if group.also:
        also = ", ".join(f"{other.values['rule']} {other.short_id}" for other in group.also)
        labels.append(f"also {also}")
    text = Text(printable(values["title"]))
    text.append("\n" + printable(" · ".join(labels)), style="dim")
    if values["note"]:
        text.append("\n" + printable(values["note"]), style="dim italic")
    since = values["resolved_at"] if values["status"] == "resolved" else values["opened_at"]
    return [
        Text(group.lead.short_id),
        Text(values["severity"], style=COLOURS[values["severity"]]),
        Text(f"{since:%Y-%m-%d}" if since else "", style="dim"),
        text,
    ]


def _summary(selection: Listing, status: str, shown: int) -> Text:
    """The number of findings of each listed status, and of each other status."""
    totals = {name: sum(counts.values()) for name, counts in selection.counts.items()}
    line = Text()
    if status in (ALL, *(name for name in STATUSES if not totals[name])) and not selection.findings:
        line.append(f"No {'' if status == ALL else status + ' '}findings.")
    for name in STATUSES if status == ALL else (status,):
        if not totals[name]:
            continue
        counts = [(sev, count) for sev, count in selection.counts[name].items() if count]
        line.append("\n" if line.plain else "")
        line.append(f"{counted(totals[name], f'{name} finding')}: ", style="bold")
        line.append_text(Text(", ").join(Text(f"{n} {sev}", style=COLOURS[sev]) for sev, n in counts))
    if selection.findings and shown < len(selection.findings):
        line.append(f"; shown as {shown}, because some are about the same thing")
    if not line.plain.endswith("."):
        line.append(".")
    others = [f"{totals[name]} {name}" for name in STATUSES if name != status and totals[name]]
    if status != ALL and others:
        line.append(f" Not listed: {', '.join(others)} (--status).", style="dim")
    return line


def _show(settings: Settings, listed: Listed, *, as_json: bool) -> None:
    if as_json:
        click.echo(listed.as_json())
        return
    console, values = terminal.console(), listed.values
    why = meaning(settings.published, values["rule"])
    console.print(Text(printable(values["title"]), style=f"bold {COLOURS[values['severity']]}"))
    facts = Table(box=None, padding=(0, 2, 0, 0), show_header=False)
    facts.add_column(style="dim", no_wrap=True)
    facts.add_column(ratio=1, overflow="fold")
    for name, label in _FACTS.items():
        value = values[name]
        if value in (None, 0) or (name == "opened_at" and values["status"] == "resolved"):
            continue
        if isinstance(value, datetime):
            value = f"{value:%Y-%m-%d %H:%M} UTC"
        text = f"{value} {values['subject_id']}" if name == "subject_kind" else str(value)
        if name == "reopened":
            text = "once" if value == 1 else f"{value} times"
        facts.add_row(label, Text(printable(text)))
    console.print(facts)
    for label, text in {"Why": why, "What to do": values["remedy"]}.items():
        if text:
            console.print(Text.assemble("\n", (f"{label}: ", "bold"), printable(text)))
    console.print(Text("\nEvidence:", style="bold"))
    lines = json.dumps(values["evidence"], ensure_ascii=False, indent=2).splitlines()
    for line in lines:
        console.print(Text(printable(line)), soft_wrap=True)
