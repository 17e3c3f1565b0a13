"""Finds what a home folder needs besides its data: files named in settings, and environment variables."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from pipedrive_graph.common import environment, net
from pipedrive_graph.common.clock import CLOCK_VARIABLE
from pipedrive_graph.config import alerts_file, policy, role_owners, waivers
from pipedrive_graph.config.alert_channels import FILE as ALERTS_FILE
from pipedrive_graph.config.company import COMPANIES_FILE
from pipedrive_graph.config.options import FILE as OPTIONS_FILE
from pipedrive_graph.config.settings import HOME_VARIABLE, Settings
from pipedrive_graph.errors import ConfigurationError

FILES_OF_SETTINGS = (
    COMPANIES_FILE,
    OPTIONS_FILE,
    policy.FILE,
    waivers.FILE,
    role_owners.FILE,
    ALERTS_FILE,
)
"""The files in the home folder that people write."""

_OTHERS = (environment.DAGSTER_HOME, *net.PROXIES, "NO_PROXY", *net.AUTHORITIES)
_OF_THE_MACHINE = {HOME_VARIABLE, CLOCK_VARIABLE}
_PREFIX = "PIPEDRIVE_"


@dataclass(slots=True)
class Needs:
    """What a home folder needs besides its data.

    Attributes:
        variables: the names of environment variables, sorted.
        inside: the files and folders in the home folder that the settings name.
        outside: the files and folders elsewhere that the settings name.
        problems: one sentence per settings file that cannot be used, so that its needs are unknown.
    """

    variables: list[str] = field(default_factory=list)
    inside: list[Path] = field(default_factory=list)
    outside: list[Path] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def find(settings: Settings) -> Needs:
    """Find what a home folder needs; a mistake in a settings file becomes a problem, not an error."""
    needs = Needs()
    variables = {*_of_companies(settings), *_set()}
    alerts = alerts_file.read(settings)
    if alerts.problem:
        needs.problems.append(str(alerts.problem))
    for channel in alerts.alerts.channels:
        if channel.mail and channel.mail.password_variable:
            variables.add(_called(channel.mail.password_variable, "password_env"))
        if channel.url_variable:
            variables.add(_called(channel.url_variable, "url_env"))
    needs.variables = sorted(variables)
    for named in _paths(settings, needs):
        path = Path(os.path.normpath(named))  # resolves `..`
        inside = path.is_relative_to(settings.home) and path != settings.home
        (needs.inside if inside else needs.outside).append(path)
    return needs


def _of_companies(settings: Settings) -> Iterator[str]:
    if settings.guessed:
        return
    for company in settings.companies:
        if company.token_variable and not company.uses_oauth:
            yield _called(company.token_variable, "api_token_env")
        if company.oauth:
            yield _called(company.oauth.client_id_variable, "client_id_env")
            yield _called(company.oauth.client_secret_variable, "client_secret_env")


def _set() -> Iterator[str]:
    """The variables that are set and affect the program."""
    for name in os.environ:
        if (name.startswith(_PREFIX) or name in _OTHERS) and name not in _OF_THE_MACHINE:
            yield name


def _called(variable: str, setting: str) -> str:
    """A variable as it is listed; a secret that was pasted in place of a name is not shown.

    If the secret comes from a file, the variable that names the file is needed.
    """
    if not environment.is_conventional(variable):
        return f"the one that {setting} names"
    by_file = f"{variable}_FILE"
    return by_file if environment.value(by_file) and not environment.value(variable) else variable


def _paths(settings: Settings, needs: Needs) -> Iterator[Path]:
    """Every file and folder that the settings and the environment name."""
    yield from (company.roster for company in settings.companies if company.roster)
    try:
        rules = policy.load(settings).rules
    except ConfigurationError as error:
        needs.problems.append(str(error))
        rules = policy.usual_folder(settings)
    if rules.exists():
        yield rules
    for name in net.AUTHORITIES:
        if path := environment.value(name):
            yield Path(path).absolute()
    if dagster := environment.value(environment.DAGSTER_HOME):
        configuration = Path(dagster).absolute() / "dagster.yaml"
        if configuration.exists():
            yield configuration
