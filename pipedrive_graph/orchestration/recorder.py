"""Records a run in Dagster: receives the events of the steps, and logs materializations.

`sync` has its own event receiver for the terminal; it is called first.
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
"""Tables whose row count is a metadata entry of its own, which Dagster plots; `rows` has all counts."""

FAILED = "companies that failed"
"""The metadata entry of a failed run: each company whose alert was sent, with its error message."""


class Recorder:
    """Receives the events of companies, and logs them to the run of a step.

    Args:
        context: the context of the step.
        configuration: the configuration files of the home folder.
        names: makes the asset keys.
        inner: another receiver, which is called first.
    """

    def __init__(self, context: Context, configuration: Configuration, names: Names, inner: Events) -> None:
        self._configuration, self._settings = configuration, configuration.settings
        self._context, self._names, self._inner = context, names, inner
        self.names_people = inner.names_people  # it also creates the observers
        self._is_kept = not context.instance.is_ephemeral
        self.errors: dict[str, Exception] = {}
        self._published: list[str] = []
        self._undelivered: list[str] = []

    def about(self, company: str) -> AbstractContextManager[None]:
        """A context in which messages concern a company."""
        return self._inner.about(company)

    def observer(self, company: str) -> Observer:
        """The observer of a company."""
        return self._inner.observer(company)

    def began(self, company: str) -> None:
        """Only pass the event on: Dagster shows that the run has begun."""
        self._inner.began(company)

    def landed(self, landed: Landed) -> None:
        """Log the collected assets of a company; a rejected snapshot only causes an error."""
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
        """Keep the deliveries that failed, for the end of the batch."""
        self._inner.alerted(company, problems)
        self._undelivered += problems

    def failed(self, company: str, error: Exception) -> None:
        """Keep the error, and log it."""
        self._inner.failed(company, error)
        self.errors[company] = error
        self._say(f"{company} failed: {sentence(error)}")

    def ended(self, company: str) -> None:
        """Only pass the event on: the end of the batch is logged."""
        self._inner.ended(company)

    def finish_batch(self) -> None:
        """Log the reports and alerts of the companies that were last published."""
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
        except PipedriveGraphError as error:  # the reports are written, only their metadata is missing
            self._say(f"The reports cannot be shown here: {error}")
        self._materialized("findings_csv", metadata={**links[0], **about})
        self._materialized("access_report", metadata=links[1])
        self._materialized(
            "alerts_sent", metadata={"companies": len(done), "not delivered": len(undelivered)}
        )

    def finish(self, models: Models) -> None:
        """Log the last batch, and the check results that have changed.

        Raises:
            Failure: if companies failed; names them.
        """
        self.finish_batch()
        evaluated = outcomes.evaluate(self._settings, models, self._names)
        for outcome in outcomes.changed(self._context.instance, evaluated):
            log_check(self._context, outcome)
        if self.errors:
            raise failure(self.errors) from next(iter(self.errors.values()))

    def _say(self, text: str) -> None:
        """Write to the run's log directly, because `sync` silences the step's logger."""
        self._context.instance.report_engine_event(text, self._context.run)

    def _materialized(self, *path: str, metadata: dict[str, Any], partition: str | None = None) -> None:
        self._context.log_event(
            dg.AssetMaterialization(self._names.key(*path), metadata=metadata, partition=partition)
        )


def failure(errors: dict[str, Exception]) -> dg.Failure:
    """The error that ends a run; the alerts about its companies are already sent."""
    lines = [f"{company}: {sentence(error)}" for company, error in errors.items()]
    text = "\n".join([f"{counted(len(errors), 'company', 'companies')} failed.", *lines])
    return dg.Failure(
        text,
        metadata={FAILED: {company: sentence(error) for company, error in errors.items()}},
        allow_retries=False,
    )


def sentence(error: Exception) -> str:
    """The message of our own error; for any other error only its class, because its text may hold secrets."""
    if isinstance(error, PipedriveGraphError):
        return str(error)
    return f"an unexpected error, {type(error).__name__}"
