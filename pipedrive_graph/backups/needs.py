"""Finds what a home folder needs besides its data: files named in home, and environment variables."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pipedrive_graph.common import environment, net
from pipedrive_graph.common.clock import CLOCK_VARIABLE
from pipedrive_graph.config import policy, role_owners, waivers
from pipedrive_graph.config.alert_channels import FILE as ALERTS_FILE
from pipedrive_graph.config.alerts_file import AlertsFile
from pipedrive_graph.config.company import COMPANIES_FILE, Company
from pipedrive_graph.config.home import Home
from pipedrive_graph.config.options import FILE as OPTIONS_FILE
from pipedrive_graph.config.settings import HOME_VARIABLE
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


def find(home: Home, companies: Sequence[Company], alerts: AlertsFile, rules: Callable[[], Path]) -> Needs:
    """Find what a home folder needs; a mistake in a settings file becomes a problem, not an error.

    Args:
        home: the home folder.
        companies: the companies of the settings; empty if they are not known.
        alerts: alerts.toml as it was read.
        rules: returns the folder of custom rules; raises ConfigurationError if findings.toml cannot be used.
    """
    needs = Needs()
    variables = {*_of_companies(companies), *_set()}
    if alerts.problem:
        needs.problems.append(str(alerts.problem))
    for channel in alerts.alerts.channels:
        if channel.mail and channel.mail.password_variable:
            variables.add(_called(channel.mail.password_variable, "password_env"))
        if channel.url_variable:
            variables.add(_called(channel.url_variable, "url_env"))
    needs.variables = sorted(variables)
    for named in _paths(home, companies, rules, needs):
        path = Path(os.path.normpath(named))  # resolves `..`
        inside = path.is_relative_to(home.folder) and path != home.folder
        (needs.inside if inside else needs.outside).append(path)
    return needs


def _of_companies(companies: Sequence[Company]) -> Iterator[str]:
    for company in companies:
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


def _paths(
    home: Home, companies: Sequence[Company], rules: Callable[[], Path], needs: Needs
) -> Iterator[Path]:
    """Every file and folder that the settings and the environment name."""
    yield from (company.roster for company in companies if company.roster)
    try:
        folder = rules()
    except ConfigurationError as error:
        needs.problems.append(str(error))
        folder = policy.usual_folder(home.folder)
    if folder.exists():
        yield folder
    for name in net.AUTHORITIES:
        if path := environment.value(name):
            yield Path(path).absolute()
    if dagster := environment.value(environment.DAGSTER_HOME):
        configuration = Path(dagster).absolute() / "dagster.yaml"
        if configuration.exists():
            yield configuration
