"""Shows the progress of a run on stderr: a bar for each company that is being read, or log lines."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import TracebackType
from typing import TYPE_CHECKING, Self

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from rich.text import Text

from pipedrive_graph.cli import logs
from pipedrive_graph.cli.terminal import SafeConsole
from pipedrive_graph.common.text import printable

if TYPE_CHECKING:  # `status` must not import these: they are slow
    from pipedrive_graph.collect import Progress as Collected

EVERY = 30.0
"""Seconds between two log lines about progress, when bars are off."""

SHOWN = 10
"""The most company bars at the same time; a bar above them counts the companies that are read."""


class Bars:
    """The progress bars of a run. The collecting thread moves them; the main thread removes them.

    Args:
        companies: the number of companies in the run.
    """

    def __init__(self, companies: int) -> None:
        self._console = SafeConsole(stderr=True)
        self._lock = threading.Lock()
        self._tasks: dict[str, TaskID] = {}
        self._progress = Progress(
            TextColumn("[bold]{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[unit]}"),
            TextColumn("{task.fields[rate]}", style="dim"),
            TimeRemainingColumn(elapsed_when_finished=True),
            console=self._console,
            transient=True,
            redirect_stdout=False,  # stdout carries the results
            disable=not self._console.is_terminal or logs.is_json() or not logs.writes(logging.INFO),
        )
        self._all = (
            self._progress.add_task("read", total=companies, unit="companies", rate="")
            if companies > 1
            else None
        )

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Hide the bars while something is printed."""
        self._progress.stop()
        try:
            yield
        finally:
            self._progress.start()

    def begin(self, company: str) -> None:
        """Add the bar of a company; it is visible once there is room."""
        with self._lock:
            visible = len(self._visible()) < SHOWN
            self._tasks[company] = self._progress.add_task(
                company, total=None, unit="calls", rate="", visible=visible
            )

    def move(self, company: str, collected: Collected) -> None:
        """Move the bar of a company, and show its request rate beside the allowed rate."""
        task = self._tasks.get(company)
        if task is None:
            return
        elapsed = self._progress.tasks[self._progress.task_ids.index(task)].elapsed or 0.0
        rate = collected.requests / elapsed if elapsed else 0.0
        allowed = collected.limit / collected.window
        self._progress.update(
            task,
            completed=collected.done,
            total=collected.total,
            rate=f"{rate:.0f}/s of {allowed:.0f}/s allowed",
        )

    def end(self, company: str) -> None:
        """Remove the bar of a company that is read, and show a hidden bar in its place."""
        with self._lock:
            task = self._tasks.pop(company, None)
            if task is None:
                return
            if len(self._tasks):
                self._progress.remove_task(task)
            hidden = [other for other in self._tasks.values() if other not in self._visible()]
            if hidden and len(self._visible()) < SHOWN:
                self._progress.update(hidden[0], visible=True)
            if self._all is not None:
                self._progress.advance(self._all)

    def warn(self, sentence: str) -> None:
        """Print a warning above the bars."""
        if logs.is_json():
            logs.say(sentence, logging.WARNING)
        elif logs.writes(logging.WARNING):
            text = Text(f"{logs.WARNING}{printable(sentence)}", style="yellow")
            self._console.print(text, soft_wrap=True)

    def _visible(self) -> set[TaskID]:
        shown = {task.id for task in self._progress.tasks if task.visible}
        return shown & {*self._tasks.values()}


@dataclass
class CompanyObserver:
    """The observer of one company: moves its bar, or logs its progress at intervals.

    Attributes:
        company: its name.
        bars: the bars of the run.
        named: whether warnings name the company, because the run has several.
        last: its latest progress.
    """

    company: str
    bars: Bars
    named: bool = False
    last: Collected | None = None
    _logged_at: float = field(default_factory=time.monotonic)

    def progress(self, progress: Collected) -> None:
        """Show the progress of the collection."""
        self.last = progress
        if logs.is_json():
            self._log(progress)
        else:
            self.bars.move(self.company, progress)

    def warn(self, sentence: str) -> None:
        """Print a warning."""
        if self.named and not logs.is_json() and self.company not in sentence:
            sentence = f"{self.company}: {sentence}"
        self.bars.warn(sentence)

    def _log(self, progress: Collected) -> None:
        """Log the progress, at most once per interval."""
        now = time.monotonic()
        if now - self._logged_at < EVERY:
            return
        self._logged_at = now
        logs.say(
            f"{progress.done:,} of {progress.total:,} calls are answered.",
            done=progress.done,
            total=progress.total,
            requests=progress.requests,
            throttled=progress.throttled,
        )
