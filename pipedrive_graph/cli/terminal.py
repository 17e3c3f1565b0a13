"""Renders a run on the terminal: a progress bar while collecting, and what came of it at the end."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import TYPE_CHECKING, Self

from rich.console import Console, ConsoleOptions, RenderableType
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

from pipedrive_graph.cli import logs
from pipedrive_graph.text import printable

if TYPE_CHECKING:  # `status` does without what these import
    from pipedrive_graph.collect import Observer
    from pipedrive_graph.collect import Progress as Collected
    from pipedrive_graph.landing import Manifest
    from pipedrive_graph.reports.summary import Summary

COLOURS = {"critical": "bold red", "high": "red", "medium": "yellow", "low": "cyan", "info": "dim"}
PLAIN_WIDTH = 120
PROGRESS_EVERY = 30.0
"""Seconds between two lines of progress, where there is no bar."""
SHOWN = 12
"""Findings that are listed on the terminal; the rest are in the file."""


class _SafeConsole(Console):
    """A console that prints nothing which a terminal obeys but its own colours, wherever the text is from."""

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """Yield the pieces of what is printed, each with visible marks in place of control characters."""
        for piece in super().render(renderable, options):
            safe = piece.control or piece.text.isalnum()
            yield piece if safe else Segment("\n".join(map(printable, piece.text.split("\n"))), piece.style)


def console() -> Console:
    """The console for stdout: as wide as the terminal; in a file or a log, wide enough for a table."""
    # without markup: a path may hold brackets
    return _SafeConsole(width=None if sys.stdout.isatty() else PLAIN_WIDTH, markup=False)


class TerminalWatch:
    """Watches one run: a progress bar on stderr, warnings above it, and the snapshot that came of it."""

    names_people = True

    def __init__(self) -> None:
        self.manifest: Manifest | None = None
        self.earlier = False
        self.undelivered: list[str] = []
        self.last: Collected | None = None
        self._logged_at = time.monotonic()
        self._console = _SafeConsole(stderr=True)
        self._bar = Progress(
            TextColumn("[bold]{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("calls"),
            TextColumn("{task.fields[rate]}", style="dim"),
            TimeRemainingColumn(elapsed_when_finished=True),
            console=self._console,
            transient=True,
            disable=not self._console.is_terminal or logs.is_json() or not logs.writes(logging.INFO),
        )
        self._task = self._bar.add_task("", total=None, rate="")

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    def begin(self, company: str) -> None:
        """Nothing: `sync` records its runs itself."""

    def observer(self, company: str, log: logging.Logger) -> Observer:
        """The observer of one company's collection: this."""
        self._bar.update(self._task, description=company)
        return self

    def progress(self, progress: Collected) -> None:
        """Move the bar, and show the rate against the one that Pipedrive allows."""
        self.last = progress
        if logs.is_json():
            self._log_progress(progress)
            return
        elapsed = self._bar.tasks[self._task].elapsed or 0.0
        rate = progress.requests / elapsed if elapsed else 0.0
        allowed = progress.limit / progress.window
        told = f"{rate:.0f}/s of {allowed:.0f}/s allowed"
        self._bar.update(self._task, completed=progress.done, total=progress.total, rate=told)

    def _log_progress(self, progress: Collected) -> None:
        """Write a line of progress, the first after some seconds."""
        now = time.monotonic()
        if now - self._logged_at < PROGRESS_EVERY:
            return
        self._logged_at = now
        logs.say(
            f"{progress.done:,} of {progress.total:,} calls are answered.",
            done=progress.done,
            total=progress.total,
            requests=progress.requests,
            throttled=progress.throttled,
        )

    def warn(self, sentence: str) -> None:
        """Say what a person should know."""
        if logs.is_json():
            logs.say(sentence, logging.WARNING)
        elif logs.writes(logging.WARNING):
            text = Text(f"{logs.WARNING}{printable(sentence)}", style="yellow")
            self._console.print(text, soft_wrap=True)

    def collected(self, manifest: Manifest, *, earlier: bool = False) -> None:
        """Keep the manifest of the snapshot, and whether an earlier run has read it."""
        self.manifest, self.earlier = manifest, earlier

    def alerted(self, problems: list[str]) -> None:
        """Keep what went wrong with alerts, for the exit code and for `--json`."""
        self.undelivered += problems


def render(
    console: Console, manifest: Manifest, summary: Summary, *, seconds: float, earlier: bool = False
) -> None:
    """Print what a run found, for a person; `earlier`: an earlier run has read the snapshot."""
    verdict = manifest.verdict
    style = {"complete": "green", "partial": "yellow"}.get(verdict.status, "red")
    console.print(
        Text.assemble(
            (manifest.company, "bold"), f"  snapshot {manifest.snapshot_id}  ", (verdict.status, style)
        )
    )
    if verdict.reason:
        console.print(
            Text(f"  {printable(verdict.reason)} What is missing stays as last known.", style="yellow")
        )
    throttled = f"{manifest.throttled} throttled" if manifest.throttled else "none throttled"
    changes = "the first snapshot"
    if summary.changes is not None:
        changes = f"{summary.changes or 'no'} changes since the last snapshot"
    console.print(
        f"  {summary.users:,} users, {summary.roles:,} roles, {summary.grants:,} grants; {changes}",
        highlight=False,
    )
    if summary.inferred:
        console.print(Text(f"  {_inferred(summary)}", style="yellow"))
    for sentence in _not_seen(summary):
        console.print(Text(f"  {sentence}", style="yellow"))
    if summary.broken:
        console.print(Text(f"  {_broken(summary)}", style="yellow"))
    requests = f"{manifest.requests:,} requests, {throttled}"
    if earlier:
        requests = f"no requests; an earlier run has read it with {requests}"
    console.print(f"  {requests}; {seconds:.1f} s in all", style="dim", highlight=False)
    console.print()
    _render_findings(console, summary)


def _inferred(summary: Summary) -> str:
    """Say how much of what is published nobody was asked for."""
    told = (
        f"The permissions of {summary.inferred:,} of {summary.users:,} users are inferred from others with"
        " the same access: findings do not rest on them."
    )
    if summary.corrections:
        told += f" {summary.corrections:,} inferences of the last snapshot were corrected."
    return told


def _not_seen(summary: Summary) -> Iterator[str]:
    """Say which lists Pipedrive did not give, and where it counts others than it lists."""
    if summary.not_given:
        lists = "list" if len(summary.not_given) == 1 else "lists"
        yield (
            f"Pipedrive did not give the {lists} {' and '.join(map(printable, summary.not_given))}: what only"
            " that says is as last known, or not known."
        )
    if summary.mismatches:
        where = "role or permission set" if summary.mismatches == 1 else "roles and permission sets"
        yield (
            f"Pipedrive counts other assignments of {summary.mismatches} {where} than it lists: see the"
            " findings of count_mismatch."
        )


def _broken(summary: Summary) -> str:
    """Say which rules could not be run, so that their findings are not taken for those of this snapshot."""
    rules = "rule was" if len(summary.broken) == 1 else "rules were"
    return (
        f"{len(summary.broken)} {rules} not run: {', '.join(map(printable, summary.broken))}. What was found"
        " before stays as it was, and nothing new is found."
    )


def _render_findings(console: Console, summary: Summary) -> None:
    total = sum(summary.counts.values())
    waived = f"; {summary.waived} waived" if summary.waived else ""
    if not total:
        console.print(f"  No open findings{waived}.", style="green", highlight=False)
        return
    counted = [(name, count) for name, count in summary.counts.items() if count]
    line = Text(f"  {total} open finding{'s' * (total > 1)}: ")
    line.append_text(Text(", ").join(Text(f"{count} {name}", style=COLOURS[name]) for name, count in counted))
    console.print(line.append(waived, style="dim"))
    table = Table(box=None, padding=(0, 2, 0, 0), show_header=False)
    table.add_column()
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(ratio=1, overflow="fold")
    shown = summary.findings[:SHOWN]
    for finding in shown:
        severity = Text(finding.severity, style=COLOURS[finding.severity])
        title = Text(printable(finding.title))
        if finding.also:
            title.append(f" Also: {', '.join(sorted({*finding.also}))}.", style="dim")
        table.add_row("", severity, Text(finding.rule, style="dim"), title)
    console.print(table)
    more = total - sum(1 + len(finding.also) for finding in shown)
    if more:
        console.print(f"    and {more} more in findings.csv", style="dim", highlight=False)
