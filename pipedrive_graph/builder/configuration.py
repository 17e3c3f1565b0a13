"""Loads the configuration of a command. Each file is read at most once; functions below receive its values.

A part is read and validated on first access, so a mistake in a file stops only the commands that need it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar, cast

from pipedrive_graph.config import settings as settings_module
from pipedrive_graph.config.settings import Settings
from pipedrive_graph.errors import PipedriveGraphError

if TYPE_CHECKING:  # the modules are imported on first access, so that `status` starts without DuckDB
    from pipedrive_graph.config.alert_channels import Alerts
    from pipedrive_graph.config.alerts_file import AlertsFile
    from pipedrive_graph.config.policy import Policies
    from pipedrive_graph.config.role_owners import RoleOwners
    from pipedrive_graph.config.waivers import Waiver, Waivers
    from pipedrive_graph.warehouse.sql_project import Models

T = TypeVar("T")


@dataclass(frozen=True)
class Configuration:
    """The configuration files of the home folder, as read by one command.

    Every access to a part returns the same value or raises the same error.

    Attributes:
        settings: the home folder, the companies (companies.toml) and the options (settings.toml).
    """

    settings: Settings
    _outcomes: dict[str, object] = field(default_factory=dict, repr=False, compare=False)

    @property
    def policies(self) -> Policies:
        """The policies of findings.toml, and the folder of the custom rules.

        Raises:
            ConfigurationError: if findings.toml cannot be used.
        """
        from pipedrive_graph.config import policy

        return self._once("policies", lambda: policy.load(self.settings))

    @property
    def models(self) -> Models:
        """The files of sql/ and the custom rules.

        Raises:
            ConfigurationError: if findings.toml or the folder of custom rules cannot be used.
            ModelError: if a file of sql/ cannot be used.
        """
        from pipedrive_graph.findings import custom_rules

        return self._once("models", lambda: custom_rules.load(self.settings, self.policies.rules))

    @property
    def rule_names(self) -> set[str]:
        """The names of all rules, including custom rules that cannot be run today.

        Raises:
            ConfigurationError: if findings.toml or the folder of custom rules cannot be used.
        """
        from pipedrive_graph.findings import custom_rules

        return self._once("rule_names", lambda: custom_rules.names(self.policies.rules))

    @property
    def waivers(self) -> Waivers:
        """The waivers of waivers.toml.

        Raises:
            ConfigurationError: if waivers.toml, findings.toml or the folder of custom rules cannot be used.
        """
        from pipedrive_graph.config import waivers

        return self._once("waivers", lambda: waivers.load(self.settings, lambda: self.rule_names))

    def add_waiver(self, company: str, waiver: Waiver, title: str) -> Waivers:
        """Add a waiver to waivers.toml, and return all waivers of the new file; see `waivers.add`."""
        from pipedrive_graph.config import waivers

        return waivers.add(self.settings, lambda: self.rule_names, company, waiver, title=title)

    @property
    def owners(self) -> RoleOwners | None:
        """The owners of roles from reviews.toml; None if the file does not exist.

        Raises:
            ConfigurationError: if reviews.toml cannot be used.
        """
        from pipedrive_graph.config import role_owners

        return self._once("owners", lambda: role_owners.load(self.settings))

    @property
    def alerts_file(self) -> AlertsFile:
        """The content of alerts.toml, or the reason why it cannot be used; alerts are sent either way."""
        from pipedrive_graph.config import alerts_file

        return self._once("alerts_file", lambda: alerts_file.read(self.settings))

    @property
    def alerts(self) -> Alerts:
        """The settings of alerts.toml.

        Raises:
            ConfigurationError: if alerts.toml cannot be used.
        """
        return self.alerts_file.usable()

    def _once(self, part: str, read: Callable[[], T]) -> T:
        """Read a part, or return (or raise) the outcome of the first read."""
        if part not in self._outcomes:
            try:
                self._outcomes[part] = read()
            except PipedriveGraphError as error:
                self._outcomes[part] = error
        outcome = self._outcomes[part]
        if isinstance(outcome, PipedriveGraphError):
            raise outcome
        return cast("T", outcome)


def load(variables: Mapping[str, str] | None = None) -> Configuration:
    """Load the configuration of the home folder that the environment names.

    Args:
        variables: the environment variables to read, by default this process's own.

    Raises:
        ConfigurationError: if companies.toml, settings.toml or a variable cannot be used.
    """
    return Configuration(settings_module.load(variables))
