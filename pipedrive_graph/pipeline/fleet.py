"""Runs the steps for companies: collects them concurrently, builds and publishes those that have ended.

A company that fails, hangs or is partial does not delay the others. An error ends the steps of the companies
that it concerns, and is reported and alerted for each of them; the other companies continue.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from pipedrive_graph.builder.configuration import Configuration
from pipedrive_graph.builder.unpublished import published_snapshots
from pipedrive_graph.config.company import Collect, Company
from pipedrive_graph.decisions.losses import dated_ahead, refused
from pipedrive_graph.errors import PipedriveGraphError
from pipedrive_graph.landing import Manifest
from pipedrive_graph.pipeline import before
from pipedrive_graph.pipeline.collector import Collector
from pipedrive_graph.pipeline.events import Events
from pipedrive_graph.pipeline.land import Landed, check, earlier_snapshot, land
from pipedrive_graph.pipeline.pending import pending
from pipedrive_graph.pipeline.process import catch_up, process
from pipedrive_graph.pipeline.progress import Progress
from pipedrive_graph.reviews.freeze import owners_problem
from pipedrive_graph.warehouse.database import is_interrupt


@dataclass(frozen=True, slots=True)
class Request:
    """The parameters of a run.

    Attributes:
        companies: the companies to collect.
        collect: how to collect them; by default, as in the settings of each.
        accept_shrink: whether to accept a snapshot even if many users are gone.
        jobs: how many companies to collect at the same time.
        publish_after: the seconds that the first ready snapshot waits for the other companies.
    """

    companies: Sequence[Company]
    collect: Collect | None = None
    accept_shrink: bool = False
    jobs: int = 100
    publish_after: float = 900.0


def run(configuration: Configuration, request: Request, events: Events) -> None:
    """Run all steps for the companies. An error of a company is reported to `events`, not raised.

    Args:
        configuration: the configuration files of the home folder.
        request: the companies, and how to collect them.
        events: receives the events.

    Raises:
        KeyboardInterrupt: if the process is interrupted. What was read so far is kept.
    """
    with _interruptible():
        reading = _Reading(configuration, request, Progress(configuration, request.companies, events))
        if reading.begin():
            reading.read(and_build=True)


def collect(configuration: Configuration, request: Request, events: Events) -> None:
    """Collect the companies without building; otherwise like `run`.

    Raises:
        KeyboardInterrupt: if the process is interrupted. What was read so far is kept.
    """
    with _interruptible():
        reading = _Reading(configuration, request, Progress(configuration, request.companies, events))
        if reading.begin():
            reading.read(and_build=False)


def publish_pending(configuration: Configuration, companies: Sequence[Company], events: Events) -> None:
    """Build, publish, report and alert for companies whose newest snapshot is not published.

    Sends no requests to Pipedrive.

    Args:
        configuration: the configuration files of the home folder.
        companies: the companies to consider; a published company causes no events.
        events: receives the events.

    Raises:
        KeyboardInterrupt: if the process is interrupted.
    """
    manifests = pending(configuration.settings, [company.name for company in companies])
    waiting = [company for company in companies if company.name in manifests]
    if not waiting:
        return
    with _interruptible():
        progress = Progress(configuration, waiting, events)
        if not _Reading(configuration, Request(waiting), progress).begin():
            return
        ready = [
            name
            for name, manifest in manifests.items()
            if progress.land(name, Landed(manifest, is_earlier=True))
        ]
        process(configuration, progress, ready)


@contextmanager
def _interruptible() -> Iterator[None]:
    """Convert DuckDB's error after Ctrl-C to KeyboardInterrupt."""
    try:
        yield
    except Exception as error:
        if is_interrupt(error):
            raise KeyboardInterrupt from error
        raise


class _Reading:
    """The first half of a run: prepares, checks the companies, and collects them."""

    def __init__(self, configuration: Configuration, request: Request, progress: Progress) -> None:
        self._configuration, self._settings = configuration, configuration.settings
        self._request, self._progress = request, progress
        self._events = progress.events

    def begin(self) -> bool:
        """Check the configuration, and finish earlier work; returns whether companies remain."""
        self._progress.begin()
        names = [company.name for company in self._request.companies]
        with self._progress.concerning(names):
            before.check(self._configuration)
            before.prepare(self._configuration, on_warning=self._events.observer(names[0]).warn)
        return bool(self._progress.left)

    def read(self, *, and_build: bool) -> None:
        """Collect the companies; with `and_build`, also build and publish them in batches."""
        waiting, overdue = self._checked()
        to_read = [company for company in self._progress.left if company.name not in waiting]
        with Collector(to_read, self._land, jobs=self._request.jobs) as collector:
            try:
                if overdue and and_build:
                    catch_up(self._configuration, self._progress, overdue)
                if and_build:
                    before.warm_up()
                for batch in self._batches(collector, waiting):
                    if and_build:
                        process(self._configuration, self._progress, batch)
                    else:
                        for name in batch:
                            self._progress.end(name)
            except BaseException:
                for ended in collector.stopped():
                    if isinstance(ended.result, Landed):
                        self._events.landed(ended.result)
                raise

    def _batches(self, collector: Collector, waiting: dict[str, Landed]) -> Iterator[list[str]]:
        """The companies whose snapshots are ready, in batches; the `waiting` ones are in the first batch."""
        for name, landed in waiting.items():
            self._progress.warn(
                name,
                f"Snapshot {landed.manifest.snapshot_id} of an earlier run is not published:"
                " it is built and published now, without reading again.",
            )
        ready = [name for name, landed in waiting.items() if self._progress.land(name, landed)]
        batches = collector.batches(
            self._request.publish_after,
            lambda ended: self._progress.land(ended.company, ended.result),
            is_waiting=bool(ready),
        )
        for batch in batches:
            if ready or batch:
                yield [*ready, *batch]
            ready = []

    def _checked(self) -> tuple[dict[str, Landed], dict[str, Manifest]]:
        """Check the companies, and find unpublished snapshots of earlier runs.

        Returns:
            Snapshots that replace a new collection, and snapshots to build while the company is collected.
        """
        names = [company.name for company in self._progress.left]
        reasons: dict[str, PipedriveGraphError] = {}
        with self._progress.concerning(names):
            reasons = refused(self._settings, names, on_wait=self._events.observer(names[0]).warn)
        shown = published_snapshots(self._settings.published)
        problem = owners_problem(lambda: self._configuration.owners, self._settings.published)
        waiting: dict[str, Landed] = {}
        overdue: dict[str, Manifest] = {}
        for company in self._progress.left:
            name = company.name
            with self._progress.concerning([name]):
                check(self._settings, company)
                if name in reasons:
                    raise reasons[name]
                for sentence in filter(None, (problem, dated_ahead(self._settings, name))):
                    self._events.observer(name).warn(sentence)
                plan = self._request.collect or company.collect
                landed, behind = earlier_snapshot(self._settings, company, plan, shown)
                if landed:
                    waiting[name] = landed
                elif behind:
                    overdue[name] = behind
        return waiting, overdue

    async def _land(self, company: Company) -> Landed:
        """Collect one company, on the collector's thread."""
        with self._events.about(company.name):
            return await land(
                self._settings,
                company,
                observer=self._events.observer(company.name),
                plan=self._request.collect,
                accept_shrink=self._request.accept_shrink,
            )
