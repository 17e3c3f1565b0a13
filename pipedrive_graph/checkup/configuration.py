"""Checks the files that people write: custom rules, waivers, alerts, owners of roles, rosters."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from pipedrive_graph.builder.configuration import Configuration
from pipedrive_graph.checkup.check import Check, fault, undelivered, warning
from pipedrive_graph.common import clock
from pipedrive_graph.common.resources import sql_folder
from pipedrive_graph.common.text import counted
from pipedrive_graph.config import credentials, role_owners, roster, waivers
from pipedrive_graph.config.alert_channels import FILE as ALERTS_FILE
from pipedrive_graph.config.alert_channels import Alerts
from pipedrive_graph.config.company import Company
from pipedrive_graph.errors import PipedriveGraphError, RuleError
from pipedrive_graph.findings import custom_rules
from pipedrive_graph.reviews.freeze import owners_problem
from pipedrive_graph.warehouse.parsed import ParsedQueries
from pipedrive_graph.warehouse.sql_project import Models


def rules(configuration: Configuration) -> Iterator[Check]:
    """Whether the custom rules can be run; no result if there are none."""
    folder = configuration.policies.rules
    parsed = ParsedQueries(configuration.settings.parsed_queries)
    shipped = Models(sql_folder(), parsed)
    models = custom_rules.added(shipped, folder, parsed)
    for name, problem in models.broken.items():
        yield fault("rules", RuleError(problem, rule=name))
    usable = len(models.of("rules")) - len(shipped.of("rules"))
    if usable:
        yield Check("rules", f"{counted(usable, 'custom rule')} in {folder}")


def waivers_file(configuration: Configuration) -> Iterator[Check]:
    """Whether waivers.toml can be used; no result if there is none."""
    entries = configuration.waivers.entries
    expired = sum(waiver.expires < clock.now().date() for _, waiver in entries)
    text = f"{len(entries)} in {configuration.settings.folder / waivers.FILE}"
    if expired:
        yield warning("waivers", f"{text}, {expired} of them expired")
    elif entries:
        yield Check("waivers", text)


def secrets_of(company: Company) -> Iterator[Check]:
    """The source of each secret of a company, never its value; no result for a secret that is not set."""
    yield from _sources(company.secrets, company=company.name)


def _sources(names: Mapping[str, str], company: str | None = None) -> Iterator[Check]:
    """The sources of secrets, and whether their files can be used."""
    sources = {what: source for what, name in names.items() if (source := credentials.source(name))}
    for source in sources.values():
        credentials.secret(source.name)
    if sources:
        text = "; ".join(f"{what} from {source}" for what, source in sources.items())
        yield Check("secrets", text, company=company)
    for text in dict.fromkeys(text for source in sources.values() for text in source.warnings):
        yield warning("secrets", text, company=company)


def alerts(alerts: Alerts, home: Path) -> Iterator[Check]:
    """Whether the secrets that alerts.toml names are set; no result if it names no channel."""
    channels, missing = (*alerts.channels, *alerts.heartbeats), 0
    for channel in channels:
        try:
            channel.secret()
        except PipedriveGraphError as error:
            yield undelivered("alerts", f"over '{channel.name}': {error}")
            missing += 1
    if channels and not missing:
        text = f"{counted(len(channels), 'channel')} in {home / ALERTS_FILE}"
        yield Check("alerts", f"{text}; `pipedrive-graph alerts --test` tries them")
        names = {f"alert '{channel.name}'": channel.secret_name or "" for channel in channels}
        yield from _sources(names)


def owners_of_roles(configuration: Configuration) -> Iterator[Check]:
    """Whether reviews.toml can be used; no result if there is none."""
    problem = owners_problem(lambda: configuration.owners, configuration.settings.published)
    file = configuration.settings.folder / role_owners.FILE
    if problem:
        yield warning("reviews", problem)
    elif file.is_file():
        yield Check("reviews", f"owners of roles in {file}")


def roster_of(company: Company) -> Iterator[Check]:
    """The content of a company's roster; no result if it has none."""
    if company.roster is None:
        return
    people, place = roster.read(company.roster), f"roster {company.roster}"
    leavers = sum(row.leaver is True and not row.problem for row in people.rows)
    yield Check(
        "roster", f"{place}: {len(people.rows)} people, {leavers} of them leavers", company=company.name
    )
    for problem in people.problems:
        yield warning("roster", f"{place}: {problem}; the row is not used", company=company.name)
