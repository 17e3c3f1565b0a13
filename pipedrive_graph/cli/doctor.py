"""`pipedrive-graph doctor`: whether everything is as a nightly run needs it."""

from __future__ import annotations

import asyncio
import os
import platform
from importlib.metadata import version

import click
from rich.console import Console
from rich.text import Text

import pipedrive_graph
from pipedrive_graph import clock
from pipedrive_graph import settings as settings_module
from pipedrive_graph.alerts import file as alerts_file
from pipedrive_graph.alerts.settings import FILE as ALERTS_FILE
from pipedrive_graph.cli import terminal
from pipedrive_graph.cli.frame import WORST_FIRST, debug_option, sentence
from pipedrive_graph.companies import Company
from pipedrive_graph.errors import LandingError, ModelError, PipedriveGraphError, WarehouseError
from pipedrive_graph.findings import own_rules, policy, roster, waivers
from pipedrive_graph.pipedrive.client import Pipedrive
from pipedrive_graph.pipedrive.records import Me
from pipedrive_graph.reviews import owners
from pipedrive_graph.reviews.freezing import roles_known
from pipedrive_graph.reviews.owners import FILE as OWNERS_FILE
from pipedrive_graph.settings import HOME_VARIABLE, Settings
from pipedrive_graph.warehouse.database import obstacle
from pipedrive_graph.warehouse.models import Models, sql_folder
from pipedrive_graph.warehouse.published import connect

LIBRARIES = ("dagster", "duckdb", "pandas", "httpx", "sqlglot")


@click.command("doctor")
@debug_option
def command(*, debug: bool) -> int:
    """Check token, rights, limits, paths and versions.

    One call per company; nothing but a renewed OAuth token is written.
    """
    console, settings, codes = terminal.console(), settings_module.load(), [0]
    libraries = ", ".join(f"{name} {version(name)}" for name in LIBRARIES)
    _line(
        console,
        "version",
        f"{pipedrive_graph.__version__} on Python {platform.python_version()}, {libraries}",
    )
    codes += _check_home(settings, console)
    codes += _check_databases(settings, console)
    codes += _check_rules(settings, console)
    codes += _check_waivers(settings, console)
    codes += _check_alerts(settings, console)
    codes += _check_owners(settings, console)
    for company in settings.companies:
        try:
            _check_roster(company, console)
            _line(console, company.name, asyncio.run(_check(company, console)), good=True)
        except PipedriveGraphError as error:
            _line(console, company.name, sentence(error), good=False)
            codes.append(error.exit_code)
    return min(codes, key=WORST_FIRST.index)


def _check_home(settings: Settings, console: Console) -> list[int]:
    """Say whether the home folder can be written to, or made."""
    home = settings.home
    existing = next(path for path in (home, *home.parents) if path.exists())
    if existing.is_dir() and os.access(existing, os.W_OK | os.X_OK):
        _line(console, "home", f"{home} (writable)")
        return []
    advice = f"let this user write there, or set {HOME_VARIABLE} to another folder"
    _line(console, "home", f"{home} (not writable): {advice}.", good=False)
    return [LandingError.exit_code]


def _check_databases(settings: Settings, console: Console) -> list[int]:
    """Say whether anything is published, and what hinders a night from opening what it wrote before."""
    published, codes = settings.published, []
    for name, file in {"database": published, "warehouse": settings.warehouse}.items():
        reason = obstacle(file) if file.exists() else None
        if reason is not None:
            advice = "take that folder away, then run" if file.is_dir() else "make it anew with"
            told = f"Cannot open {file} ({reason}): {advice} `pipedrive-graph rebuild`."
            _line(console, name, told, good=False)
            codes.append(WarehouseError.exit_code)
        elif file == published:
            _line(console, name, f"{file} ({'published' if file.exists() else 'nothing published yet'})")
    return codes


def _check_rules(settings: Settings, console: Console) -> list[int]:
    """Say whether the installation's own rules can be run; nothing where it has none."""
    try:
        folder = policy.load(settings).rules
        shipped = Models(sql_folder())
        models = own_rules.added(shipped, folder)
    except PipedriveGraphError as error:
        _line(console, "rules", sentence(error), good=False)
        return [error.exit_code]
    for problem in models.broken.values():
        _line(console, "rules", problem, good=False)
    usable = len(models.of("rules")) - len(shipped.of("rules"))
    if usable:
        _line(console, "rules", f"{usable} of your own in {folder}", good=True)
    return [ModelError.exit_code] if models.broken else []


def _check_waivers(settings: Settings, console: Console) -> list[int]:
    """Say whether waivers.toml can be used; nothing where there is none."""
    try:
        told = waivers.load(settings).entries
    except PipedriveGraphError as error:
        _line(console, "waivers", sentence(error), good=False)
        return [error.exit_code]
    expired = sum(waiver.expires < clock.now().date() for _, waiver in told)
    if told:
        said = f"{len(told)} in {settings.home / waivers.FILE}"
        if expired:
            _line(console, "waivers", f"{said}, {expired} of them expired")
        else:
            _line(console, "waivers", said, good=True)
    return []


def _check_alerts(settings: Settings, console: Console) -> list[int]:
    """Say whether alerts.toml can be used, and its secrets are there; nothing where there is none."""
    try:
        channels = alerts_file.load(settings).channels
    except PipedriveGraphError as error:
        _line(console, "alerts", sentence(error), good=False)
        return [error.exit_code]
    codes = []
    for channel in channels:
        try:
            channel.secret()
        except PipedriveGraphError as error:
            _line(console, "alerts", f"over '{channel.name}': {error}", good=False)
            codes.append(error.exit_code)
    if channels and not codes:
        told = f"{len(channels)} channel{'s' * (len(channels) > 1)} in {settings.home / ALERTS_FILE}"
        _line(console, "alerts", f"{told}; `pipedrive-graph alerts --test` tries them", good=True)
    return codes


def _check_owners(settings: Settings, console: Console) -> list[int]:
    """Say whether reviews.toml can be used; nothing where there is none, or no role is known yet."""
    if not (settings.home / OWNERS_FILE).is_file() or not settings.published.exists():
        return []
    try:
        with connect(settings.published) as connection:
            known = roles_known(connection)
        for company in settings.companies:
            owners.load(settings, company.name, known)
    except PipedriveGraphError as error:
        _line(console, "reviews", sentence(error), good=False)
        return [error.exit_code]
    _line(console, "reviews", f"owners of roles in {settings.home / OWNERS_FILE}", good=True)
    return []


def _check_roster(company: Company, console: Console) -> None:
    """Say what a company's roster holds; nothing where it has none."""
    if company.roster is None:
        return
    people, place = roster.read(company.roster), f"roster {company.roster}"
    leavers = sum(row.leaver is True and not row.problem for row in people.rows)
    told = f"{len(people.rows)} people, {leavers} of them leavers"
    _line(console, company.name, f"{place}: {told}", good=True)
    for problem in people.problems:
        _line(console, company.name, f"{place}: {problem}; the row is not used", good=False)


async def _check(company: Company, console: Console) -> str:
    def warn(text: str) -> None:
        _line(console, company.name, text)

    async with Pipedrive.of(company, warn=warn) as client:
        owner = (await client.preflight()).rows(Me)[0]
        return (
            f"{owner.company_name or owner.company_id} at {company.base_url}, as {owner.email or owner.id}; "
            f"{client.stats.limit} requests per {client.stats.window:g} s"
        )


def _line(console: Console, name: str, text: str, *, good: bool | None = None) -> None:
    style = {True: "green", False: "red", None: ""}[good]
    console.print(Text.assemble((f"{name:<10}", "bold"), (text, style)), soft_wrap=True)
