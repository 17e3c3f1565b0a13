"""Records in Dagster what a run does: it receives the events of the steps, and logs materializations.

The run of the command `sync` has receivers of its own, for the terminal; they are called first.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any

import dagster as dg

from pipedrive_graph.builder.configuration import Configuration
from pipedrive_graph.collect import Observer
from pipedrive_graph.common.text import counted
from pipedrive_graph.errors import PipedriveGraphError
from pipedrive_graph.orchestration import metadata, outcomes
from pipedrive_graph.orchestration.checking import log_check
from pipedrive_graph.orchestration.names import Names
from pipedrive_graph.pipeline import Events, Landed
from pipedrive_graph.warehouse.sql_project import Models

Context = dg.OpExecutionContext | dg.AssetExecutionContext

REPORTS = ("findings.csv", "access_report.html")

PLOTTED = ("users", "roles", "permission_sets", "user_permissions", "edges", "findings", "access_changes")
"""Tables whose rows are numbers of their own, which Dagster draws over the nights; `rows` has all."""

FAILED = "companies that failed"
"""The metadata of the error that a run ends with: each company whose alerts are sent, and its sentence."""


class Recorder:
    """Receives what happens to companies, and logs it to the run of a step.

    Args:
        context: that of the step.
        configuration: what the files in the home folder say.
        names: makes the keys of the assets.
        inner: receives everything first.
    """

    def __init__(self, context: Context, configuration: Configuration, names: Names, inner: Events) -> None:
        self._configuration, self._settings = configuration, configuration.settings
        self._context, self._names, self._inner = context, names, inner
        self.names_people = inner.names_people  # it also makes the observers
        self._is_kept = not context.instance.is_ephemeral
        self.errors: dict[str, Exception] = {}
        self._published: list[str] = []
        self._undelivered: list[str] = []

    def about(self, company: str) -> AbstractContextManager[None]:
        """Messages inside concern a company."""
        return self._inner.about(company)

    def observer(self, company: str) -> Observer:
        """The observer of a company."""
        return self._inner.observer(company)

    def began(self, company: str) -> None:
        """Nothing: the run has begun."""
        self._inner.began(company)

    def landed(self, landed: Landed) -> None:
        """Log the collecting assets of a company; of a rejected snapshot, only the error says something."""
        self._inner.landed(landed)
        if landed.manifest.accepted:
            for name in metadata.ENDPOINTS:
                self._materialized(
                    name,
                    metadata=metadata.collected(landed, name),
                    partition=landed.company,
                )

    def published(self, companies: Sequence[str], rows: dict[str, int]) -> None:
        """Log the findings and the published file."""
        self._inner.published(companies, rows)
        self.finish_batch()
        self._published += companies
        self._say(f"Published {counted(len(companies), 'company', 'companies')}.")
        self._materialized("graph", "findings", metadata={"dagster/row_count": rows.get("findings", 0)})
        self._materialized(
            "identity_graph",
            metadata={
                "path": dg.MetadataValue.path(self._settings.published),
                "companies of this batch": len(companies),
                "rows": dg.MetadataValue.json(rows),
                **{f"rows: {table}": rows[table] for table in PLOTTED if table in rows},
            },
        )

    def alerted(self, company: str, problems: Sequence[str]) -> None:
        """Keep what could not be delivered."""
        self._inner.alerted(company, problems)
        self._undelivered += problems

    def failed(self, company: str, error: Exception) -> None:
        """Keep the error, and log it."""
        self._inner.failed(company, error)
        self.errors[company] = error
        self._say(f"{company} failed: {sentence(error)}")

    def ended(self, company: str) -> None:
        """Nothing: the end of the batch says it."""
        self._inner.ended(company)

    def finish_batch(self) -> None:
        """Log the reports and the alerts of the companies that were published last."""
        if not self._published:
            return
        done, undelivered = self._published, self._undelivered
        self._published, self._undelivered = [], []
        about: dict[str, Any] = {}
        links: list[dict[str, Any]] = [{}, {}]
        try:
            about = metadata.reports(self._settings, done) if self._is_kept else {}
            links = [
                metadata.report(self._settings, self._configuration.alerts, done, file) for file in REPORTS
            ]
        except PipedriveGraphError as error:  # the reports are written; only Dagster does not show them
            self._say(f"The reports cannot be shown here: {error}")
        self._materialized("findings_csv", metadata={**links[0], **about})
        self._materialized("access_report", metadata=links[1])
        self._materialized(
            "alerts_sent", metadata={"companies": len(done), "not delivered": len(undelivered)}
        )

    def finish(self, models: Models) -> None:
        """Log what is left, and the results of checks that have changed.

        Raises:
            Failure: naming the companies that failed, if there are any.
        """
        self.finish_batch()
        found = outcomes.evaluate(self._settings, models, self._names)
        for outcome in outcomes.changed(self._context.instance, found):
            log_check(self._context, outcome)
        if self.errors:
            raise failure(self.errors) from next(iter(self.errors.values()))

    def _say(self, text: str) -> None:
        """Write to the run's log; not by the step's logger, which `sync` silences with all others."""
        self._context.instance.report_engine_event(text, self._context.run)

    def _materialized(self, *path: str, metadata: dict[str, Any], partition: str | None = None) -> None:
        self._context.log_event(
            dg.AssetMaterialization(self._names.key(*path), metadata=metadata, partition=partition)
        )


def failure(errors: dict[str, Exception]) -> dg.Failure:
    """The error that ends a run; alerts about each company are sent by then."""
    lines = [f"{company}: {sentence(error)}" for company, error in errors.items()]
    text = "\n".join([f"{counted(len(errors), 'company', 'companies')} failed.", *lines])
    return dg.Failure(
        text,
        metadata={FAILED: {company: sentence(error) for company, error in errors.items()}},
        allow_retries=False,
    )


def sentence(error: Exception) -> str:
    """An error of ours as it is; of another one, only its kind: its text may hold anything."""
    if isinstance(error, PipedriveGraphError):
        return str(error)
    return f"an unexpected error, {type(error).__name__}"
