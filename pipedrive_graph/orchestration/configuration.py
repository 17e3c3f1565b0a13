"""The configuration behind the definitions, and whether a run can use it.

A process that runs the definitions itself loads it strictly: a mistake is an error at once. Dagster loads it
leniently, because its schedule and sensors need definitions that can be imported: a mistake in a file must
not stop the import. A run raises the mistake when it requests the settings.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from pipedrive_graph.builder import configuration as config
from pipedrive_graph.common.resources import sql_folder
from pipedrive_graph.config import ownership, policy
from pipedrive_graph.config.known import as_known, known_settings
from pipedrive_graph.config.ownership import RootError
from pipedrive_graph.config.settings import Settings
from pipedrive_graph.findings import custom_rules
from pipedrive_graph.orchestration.timing import Timing
from pipedrive_graph.pipeline.before import check
from pipedrive_graph.warehouse.sql_project import Models

DAGSTER_ADVICE = "as its page and its daemon, too"
"""The advice if Dagster runs as root in the home folder of another user."""


@dataclass(frozen=True)
class DefinitionsConfiguration:
    """The configuration as one process read it.

    Attributes:
        known: the settings; if they cannot be read, what is known without them, enough to send alerts.
        models: the tables and rules; if the custom rules cannot be read, only the built-in ones.
        alerting: whether alerts.toml has a channel; also true if it cannot be read.
        current: reads the settings again, in the same way; refuses root in the home of another user.
        problem: why a run cannot use this configuration; None if it can.
        timing: the schedule of the nightly run, and the deadline for publishing.
    """

    known: Settings
    models: Models
    alerting: bool
    current: Callable[[], Settings]
    problem: Exception | None = None
    timing: Timing = field(default_factory=Timing)

    @property
    def settings(self) -> Settings:
        """The settings for a run.

        Raises:
            PipedriveGraphError: the problem of the configuration, if it has one.
        """
        if self.problem is not None:
            raise self.problem
        return self.known


def load(settings: Settings) -> DefinitionsConfiguration:
    """Load the configuration strictly.

    Raises:
        ConfigurationError: if findings.toml, the folder of custom rules, waivers.toml, settings.toml or
            alerts.toml cannot be used.
        ModelError: if a file of sql/ cannot be used.
    """
    loaded = config.Configuration(settings)
    check(loaded)
    timing = _timing(settings)
    timing.check()
    alerting = bool(loaded.alerts.channels)
    return DefinitionsConfiguration(settings, loaded.models, alerting, lambda: settings, timing=timing)


def load_leniently(variables: Mapping[str, str] | None = None) -> DefinitionsConfiguration:
    """Load the configuration; the first mistake becomes its `problem`.

    Args:
        variables: the environment variables to read, by default this process's own.

    Raises:
        ModelError: if a file of sql/ cannot be used: the installation is damaged.
    """
    problems: list[Exception] = []
    settings = as_known(variables, problems)
    try:
        ownership.refuse_root(settings.folder, DAGSTER_ADVICE)
    except RootError as error:
        problems.insert(0, error)
    loaded = config.Configuration(settings)
    models = _models(loaded, problems)
    alerting, timing = True, Timing()
    # any error, even a bug of ours, is raised by the run: failed runs are monitored
    try:
        _ = loaded.waivers
    except Exception as error:  # noqa: BLE001 - see above
        problems.append(error)
    try:
        chosen = _timing(settings)
        chosen.check()
        timing = chosen
    except Exception as error:  # noqa: BLE001 - see above
        problems.append(error)
    try:
        alerting = bool(loaded.alerts.channels)
    except Exception as error:  # noqa: BLE001 - see above
        problems.append(error)

    def current() -> Settings:
        known = known_settings(variables)
        ownership.refuse_root(known.folder, DAGSTER_ADVICE)
        return known

    return DefinitionsConfiguration(
        settings, models, alerting, current, problems[0] if problems else None, timing
    )


def _timing(settings: Settings) -> Timing:
    chosen = settings.options.dagster
    return Timing(chosen.cron, chosen.time_zone, chosen.freshness)


def _models(loaded: config.Configuration, problems: list[Exception]) -> Models:
    try:
        return loaded.models
    except Exception as error:  # noqa: BLE001 - see load_leniently
        problems.append(error)
    shipped = Models(sql_folder())
    try:
        # custom rules in the usual folder stay checks
        return custom_rules.added(shipped, policy.usual_folder(loaded.settings.folder))
    except Exception:  # noqa: BLE001 - the problem is already recorded
        return shipped
