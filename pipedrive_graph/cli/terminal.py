"""Prints the result of a run on the terminal."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

from pipedrive_graph.common.text import counted, printable

if TYPE_CHECKING:  # `status` must not import these: they are slow
    from pipedrive_graph.landing import Manifest
    from pipedrive_graph.published.summary import Summary

COLOURS = {"critical": "bold red", "high": "red", "medium": "yellow", "low": "cyan", "info": "dim"}
PLAIN_WIDTH = 120
SHOWN = 12
"""The most findings listed on the terminal; the file lists all."""


class SafeConsole(Console):
    """A console whose texts cannot contain control characters; only its own styles control the terminal."""

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """Yield the rendered segments, with control characters replaced by visible marks."""
        for piece in super().render(renderable, options):
            safe = piece.control or piece.text.isalnum()
            yield piece if safe else Segment("\n".join(map(printable, piece.text.split("\n"))), piece.style)


def console() -> Console:
    """The console for stdout: as wide as the terminal; if stdout is a file or a pipe, 120 columns."""
    # without markup: a path may hold brackets
    return SafeConsole(width=None if sys.stdout.isatty() else PLAIN_WIDTH, markup=False)


def render(
    console: Console, manifest: Manifest, summary: Summary, *, seconds: float, earlier: bool = False
) -> None:
    """Print the result of a run as text.

    Args:
        console: the console to print on.
        manifest: the snapshot.
        summary: the published summary of the company.
        seconds: the duration of the run.
        earlier: whether an earlier run has read the snapshot.
    """
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
    """A sentence about the users whose permissions are inferred."""
    text = (
        f"The permissions of {summary.inferred:,} of {summary.users:,} users are inferred from others with"
        " the same access: findings do not rest on them."
    )
    if summary.corrections:
        text += f" {summary.corrections:,} inferences of the last snapshot were corrected."
    return text


def _not_seen(summary: Summary) -> Iterator[str]:
    """Sentences about lists that Pipedrive did not return, and about counts that differ from its lists."""
    if summary.not_given:
        lists = "list" if len(summary.not_given) == 1 else "lists"
        yield (
            f"Pipedrive did not return the {lists} {' and '.join(map(printable, summary.not_given))}: facts"
            " from there are as last known, or unknown."
        )
    if summary.mismatches:
        where = "role or permission set" if summary.mismatches == 1 else "roles and permission sets"
        yield (
            f"Pipedrive's count of assignments differs from its list for {summary.mismatches} {where}: see"
            " the findings of count_mismatch."
        )


def _broken(summary: Summary) -> str:
    """A sentence about rules that could not be run: their findings are from an earlier snapshot."""
    rules = "rule was" if len(summary.broken) == 1 else "rules were"
    return (
        f"{len(summary.broken)} {rules} not run: {', '.join(map(printable, summary.broken))}. Their"
        " findings stay as they were, and they find nothing new."
    )


def _render_findings(console: Console, summary: Summary) -> None:
    total = sum(summary.counts.values())
    waived = f"; {summary.waived} waived" if summary.waived else ""
    if not total:
        console.print(f"  No open findings{waived}.", style="green", highlight=False)
        return
    counts = [(name, count) for name, count in summary.counts.items() if count]
    line = Text(f"  {counted(total, 'open finding')}: ")
    line.append_text(Text(", ").join(Text(f"{count} {name}", style=COLOURS[name]) for name, count in counts))
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
