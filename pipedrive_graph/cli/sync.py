"""`pipedrive-graph sync`: the nightly job for one company or all, in this process."""

from __future__ import annotations

import json
import logging
import signal
import time
from dataclasses import dataclass
from typing import Any

import click
from rich.console import Console

from pipedrive_graph.cli import terminal
from pipedrive_graph.cli.frame import WORST_FIRST, as_root_option, debug_option, say, sentence, tell_error
from pipedrive_graph.cli.misconfigured import load_settings
from pipedrive_graph.cli.terminal import TerminalWatch, render
from pipedrive_graph.companies import Collect
from pipedrive_graph.errors import UNDELIVERED, BudgetError, PipedriveGraphError
from pipedrive_graph.findings.rules import SEVERITIES
from pipedrive_graph.landing import Manifest, Verdict
from pipedrive_graph.reports.summary import Summary, summarise
from pipedrive_graph.settings import Settings
from pipedrive_graph.unpublished import is_published

KEPT = "What was read so far is kept; a sync within 6 hours goes on from there."

EARLIER = "An earlier run has read this snapshot; it was built and published without reading again."
"""The reason of a result without requests."""

UNFINISHED = "unfinished"
"""Status of a run that was cut off: its snapshot is not committed, and the next run goes on with it."""


@dataclass(frozen=True, slots=True)
class Result:
    """What came of one company."""

    company: str
    watch: TerminalWatch
    summary: Summary | None
    seconds: float
    error: BaseException | None

    @property
    def exit_code(self) -> int:
        """The exit code of this company alone."""
        code = self._code_without_alerts
        return UNDELIVERED if self.watch.undelivered and code in {0, BudgetError.exit_code} else code

    @property
    def _code_without_alerts(self) -> int:
        if self.error:
            return self.error.exit_code if isinstance(self.error, PipedriveGraphError) else 1
        return 4 if (self.verdict and self.verdict.status == "partial") or self.broken else 0

    @property
    def verdict(self) -> Verdict | None:
        """What the snapshot is worth: as published, where it is, else as it was collected."""
        manifest, summary = self.watch.manifest, self.summary
        if manifest and summary and summary.snapshot_id == manifest.snapshot_id:
            return Verdict.model_validate({"status": summary.status, "reason": summary.reason})
        return manifest.verdict if manifest else None

    @property
    def broken(self) -> tuple[str, ...]:
        """The rules that could not be run."""
        return self.summary.broken if self.summary else ()

    def as_json(self, settings: Settings) -> dict[str, Any]:
        """The object that `--json` prints."""
        error = sentence(self.error, settings.named(self.company)) if self.error else None
        undelivered = {"alerts_not_sent": self.watch.undelivered} if self.watch.undelivered else {}
        if self.exit_code in {1, 2, 3}:
            return {"company": self.company, "error": error, **undelivered}
        manifest, progress, summary = self.watch.manifest, self.watch.last, self.summary
        earlier = EARLIER if self.watch.earlier else None
        verdict = self.verdict
        reason = error or " ".join(filter(None, [verdict.reason if verdict else None, earlier]))
        sent = None if self.watch.earlier else manifest
        by_access = manifest if manifest and manifest.identity.collect == Collect.BY_ACCESS else None
        return {
            "company": self.company,
            "snapshot_id": manifest.snapshot_id if manifest else None,
            "status": verdict.status if verdict else UNFINISHED,
            "users": manifest.users if manifest else None,
            "roles": manifest.roles if manifest else None,
            "requests": sent.requests if sent else progress.requests if progress else 0,
            "throttled": sent.throttled if sent else progress.throttled if progress else 0,
            "seconds": round(self.seconds, 2),
            "findings": summary.counts if summary else dict.fromkeys(SEVERITIES),
            "database": str(settings.published),
            "reports": str(settings.reports / self.company),
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
    quieten(debug=debug)
    settings = load_settings()
    companies = settings.chosen(names)
    console = terminal.console()
    codes = []
    for company in companies:
        plan, watch = Collect(collect) if collect else None, TerminalWatch()
        try:
            result = sync(settings, company.name, collect=plan, accept_shrink=accept_shrink, watch=watch)
        except KeyboardInterrupt as interrupt:
            raise KeyboardInterrupt(interrupted(settings, watch.manifest)) from interrupt
        codes.append(result.exit_code)
        if as_json:
            click.echo(json.dumps(result.as_json(settings)))
            verdict = result.verdict
            if verdict and verdict.status == "partial" and not result.error:
                say(f"{company.name} is partial: {verdict.reason}")
        elif not result.error:
            show(console, settings, result)
        if result.error:
            tell_error(result.error, debug=debug, of=settings.named(company.name))
    return min(codes, key=WORST_FIRST.index)


def sync(
    settings: Settings,
    company: str,
    *,
    collect: Collect | None = None,
    accept_shrink: bool = False,
    watch: TerminalWatch | None = None,
) -> Result:
    """Run the nightly job of one company; whatever went wrong is in the result.

    Raises:
        KeyboardInterrupt: if the run was interrupted; `watch` then has the snapshot, if there is one.
    """
    from pipedrive_graph.orchestration.nightly import run_nightly  # Dagster takes a while to import

    started, error = time.monotonic(), None
    with watch or TerminalWatch() as watch:
        try:
            run_nightly(settings, company, watch=watch, collect=collect, accept_shrink=accept_shrink)
        except Exception as caught:  # noqa: BLE001 - the other companies go on
            error = caught
    seconds, summary = time.monotonic() - started, None
    try:
        summary = summarise(settings.published, company)
    except PipedriveGraphError as caught:
        error = error or caught  # what ended the run says more than that its results cannot be shown
    return Result(company, watch, summary, seconds, error)


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


def quieten(*, debug: bool) -> None:
    """Keep what libraries log away from the terminal, but for `--debug`."""
    if debug:
        logging.basicConfig(level=logging.DEBUG)
        say("Debug output is on; secrets are left out of it.")
    else:
        logging.disable(logging.CRITICAL)
