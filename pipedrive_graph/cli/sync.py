"""`pipedrive-graph sync`: the nightly job for one company or all, in this process."""

from __future__ import annotations

import json
import logging
import signal
import time
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import uuid4

import click
from rich.console import Console

from pipedrive_graph import clock
from pipedrive_graph.cli import logs, terminal
from pipedrive_graph.cli.completion import COMPANY
from pipedrive_graph.cli.frame import (
    WORST_FIRST,
    as_root_option,
    debug_option,
    exit_code,
    failure,
    say,
    sentence,
    tell_error,
)
from pipedrive_graph.cli.misconfigured import known_companies, load_settings
from pipedrive_graph.cli.terminal import TerminalWatch, render
from pipedrive_graph.companies import Collect
from pipedrive_graph.errors import BusyError, ConfigurationError, PipedriveGraphError
from pipedrive_graph.findings.rules import SEVERITIES
from pipedrive_graph.landing import Manifest, Verdict
from pipedrive_graph.reports.summary import Summary, summarise
from pipedrive_graph.runs import record
from pipedrive_graph.runs.metrics import write_metrics
from pipedrive_graph.runs.recording import Recording
from pipedrive_graph.settings import Settings
from pipedrive_graph.unpublished import is_published

KEPT = "What was read so far is kept; a sync within 6 hours goes on from there."

EARLIER = "An earlier run has read this snapshot; it was built and published without reading again."
"""The reason of a result without requests."""

UNFINISHED = "unfinished"
"""Status of a run that was cut off: its snapshot is not committed, and the next run goes on with it."""


@dataclass(frozen=True, slots=True)
class Result:
    """What came of one company; `ended_at` is when its run ended."""

    company: str
    watch: TerminalWatch
    summary: Summary | None
    seconds: float
    error: BaseException | None
    ended_at: datetime = field(default_factory=clock.now)

    @property
    def exit_code(self) -> int:
        """The exit code of this company alone."""
        return record.exit_code(
            exit_code(self.error) if self.error else None,
            is_partial=self.is_partial or bool(self.broken),
            is_undelivered=bool(self.watch.undelivered),
        )

    @property
    def verdict(self) -> Verdict | None:
        """What the snapshot is worth: as published, where it is, else as it was collected."""
        manifest, summary = self.watch.manifest, self.summary
        if manifest and summary and summary.snapshot_id == manifest.snapshot_id:
            return Verdict.model_validate({"status": summary.status, "reason": summary.reason})
        return manifest.verdict if manifest else None

    @property
    def is_partial(self) -> bool:
        """Whether the snapshot has not everything."""
        return self.verdict is not None and self.verdict.status == "partial"

    @property
    def broken(self) -> tuple[str, ...]:
        """The rules that could not be run."""
        return self.summary.broken if self.summary else ()

    @property
    def sent(self) -> tuple[int, int]:
        """How many requests this run has sent, and how many of them were throttled."""
        counted = None if self.watch.earlier else self.watch.manifest or self.watch.last
        return (counted.requests, counted.throttled) if counted else (0, 0)

    def as_json(self, settings: Settings) -> dict[str, Any]:
        """The object that `--json` prints."""
        error = sentence(self.error, settings.named(self.company)) if self.error else None
        undelivered = {"alerts_not_sent": self.watch.undelivered} if self.watch.undelivered else {}
        if self.exit_code in {1, 2, 3}:
            return {**failure(self.company, self.exit_code, str(error), at=self.ended_at), **undelivered}
        manifest, summary = self.watch.manifest, self.summary
        earlier = EARLIER if self.watch.earlier else None
        verdict, (requests, throttled) = self.verdict, self.sent
        reason = error or " ".join(filter(None, [verdict.reason if verdict else None, earlier]))
        by_access = manifest if manifest and manifest.identity.collect == Collect.BY_ACCESS else None
        return {
            "company": self.company,
            "snapshot_id": manifest.snapshot_id if manifest else None,
            "status": verdict.status if verdict else UNFINISHED,
            "users": manifest.users if manifest else None,
            "roles": manifest.roles if manifest else None,
            "requests": requests,
            "throttled": throttled,
            "seconds": round(self.seconds, 2),
            "findings": summary.counts if summary else dict.fromkeys(SEVERITIES),
            "database": str(settings.published),
            "reports": str(settings.reports / self.company),
            "at": clock.iso(self.ended_at),
            "exit_code": self.exit_code,
            **({"inferred": by_access.inferred} if by_access else {}),
            **({"lists_not_given": [*summary.not_given]} if summary and summary.not_given else {}),
            **({"count_mismatches": summary.mismatches} if summary and summary.mismatches else {}),
            **({"rules_not_run": [*self.broken]} if self.broken else {}),
            **({"reason": reason} if reason else {}),
            **undelivered,
        }


@click.command("sync")
@click.option(
    "--company",
    "names",
    type=COMPANY,
    multiple=True,
    help="Only this company; repeatable; by default, all in the settings.",
)
@click.option(
    "--collect",
    type=click.Choice([str(plan) for plan in Collect]),
    help="How the company is collected; by default, as the settings say (every-user).",
)
@click.option("--accept-shrink", is_flag=True, help="Take the snapshot although many users are gone.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object per company, one line each.")
@as_root_option
@debug_option
def command(
    *, names: tuple[str, ...], collect: str | None, accept_shrink: bool, as_json: bool, debug: bool
) -> int:
    """Read each company, take it into the warehouse, check, publish and report.

    Exit codes: 0 done, 2 usage or configuration, 3 not authorised, 4 partial or a rule could not be run, 5
    daily reserve reached, 6 done but an alert could not be sent, 1 anything else; of several companies, the
    worst.
    """
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # systemd's way of saying Ctrl-C
    logs.quieten()
    try:
        settings = load_settings()
        companies = settings.chosen(names)
    except ConfigurationError as error:
        if as_json:
            for name in known_companies(names):
                click.echo(json.dumps(failure(name, error.exit_code, str(error))))
        raise
    console = terminal.console()
    codes = []
    for company in companies:
        plan, watch, run = Collect(collect) if collect else None, TerminalWatch(), str(uuid4())
        with logs.about(company.name, run):
            try:
                result = sync(
                    settings, company.name, collect=plan, accept_shrink=accept_shrink, watch=watch, run=run
                )
            except KeyboardInterrupt as interrupt:
                how_far = interrupted(settings, watch.manifest)
                if as_json:
                    click.echo(json.dumps(failure(company.name, 1, f"Interrupted. {how_far}")))
                raise KeyboardInterrupt(how_far) from interrupt
            codes.append(result.exit_code)
            _tell(console, settings, result, as_json=as_json)
    return min(codes, key=WORST_FIRST.index)


def _tell(console: Console, settings: Settings, result: Result, *, as_json: bool) -> None:
    """Print what came of a company, and say what was wrong."""
    if as_json:
        click.echo(json.dumps(result.as_json(settings)))
        if result.is_partial and result.verdict and not result.error:
            say(f"{result.company} is partial: {result.verdict.reason}", logging.WARNING)
    elif not result.error:
        show(console, settings, result)
    if result.error:
        tell_error(result.error, of=settings.named(result.company))


def sync(
    settings: Settings,
    company: str,
    *,
    collect: Collect | None = None,
    accept_shrink: bool = False,
    watch: TerminalWatch | None = None,
    run: str | None = None,
) -> Result:
    """Run the nightly job of one company; whatever went wrong is in the result, and recorded.

    Raises:
        KeyboardInterrupt: if the run was interrupted; `watch` then has the snapshot, if there is one.
    """
    from pipedrive_graph.orchestration.nightly import run_nightly  # Dagster takes a while to import

    started, error, run = time.monotonic(), None, run or str(uuid4())
    watch = watch or TerminalWatch()
    recording = Recording(settings, company, run, watch.warn)
    recording.start()
    try:
        with watch:
            run_nightly(
                settings, company, watch=watch, run_id=run, collect=collect, accept_shrink=accept_shrink
            )
    except KeyboardInterrupt:
        recording.end(1, error=f"Interrupted. {interrupted(settings, watch.manifest)}")
        write_metrics(settings, watch.warn)
        raise
    except Exception as caught:  # noqa: BLE001 - the other companies go on
        error = caught
    seconds, summary = time.monotonic() - started, None
    try:
        summary = summarise(settings.published, company)
    except PipedriveGraphError as caught:
        error = error or caught  # what ended the run says more than that its results cannot be shown
    result = Result(company, watch, summary, seconds, error)
    if isinstance(error, BusyError):
        recording.drop()  # the record is that of the run that is at work
    else:
        verdict, (requests, throttled) = result.verdict, result.sent
        recording.end(
            result.exit_code,
            error=sentence(error) if error else None,
            status=verdict.status if verdict else UNFINISHED if error else None,
            snapshot_id=watch.manifest.snapshot_id if watch.manifest else None,
            requests=requests,
            throttled=throttled,
            alerts_not_sent=watch.undelivered,
            summary=summary,
        )
    write_metrics(settings, watch.warn)
    return result


def interrupted(settings: Settings, manifest: Manifest | None) -> str:
    """What is true of a run that was interrupted, by how far it has come.

    Args:
        settings: where everything lies.
        manifest: the snapshot that the run has committed, if it has come so far.
    """
    if manifest is None:
        return KEPT
    if not manifest.accepted:
        return f"Snapshot {manifest.snapshot_id} was rejected; nothing was published."
    if is_published(manifest, settings.published):
        return (
            f"Snapshot {manifest.snapshot_id} is published; its reports and alerts may be missing:"
            " the next sync writes and sends them."
        )
    return (
        f"Snapshot {manifest.snapshot_id} is read and kept; the next sync builds and publishes it"
        " without reading it again."
    )


def show(console: Console, settings: Settings, result: Result) -> None:
    """Print what came of a company, and where it lies."""
    watch = result.watch
    if watch.manifest and result.summary and result.verdict:
        manifest = watch.manifest.model_copy(update={"verdict": result.verdict})
        render(console, manifest, result.summary, seconds=result.seconds, earlier=watch.earlier)
    places = {
        "Database": settings.published,
        "Reports": settings.reports / result.company,
        "Report": settings.access_report(result.company),
    }
    for what, where in places.items():
        console.print(f"  {what:<9} {where}", highlight=False, soft_wrap=True)
