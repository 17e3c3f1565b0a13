"""Runs the steps for companies: reads them at the same time, builds and publishes those that have ended.

A company that fails, hangs or is partial holds up no other. An error ends the steps of the companies that it
concerns, and is reported and alerted for each of them; the other companies go on.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from pipedrive_graph import build
from pipedrive_graph.built import warnings
from pipedrive_graph.companies import Collect, Company
from pipedrive_graph.errors import PipedriveGraphError
from pipedrive_graph.forget.age import apply_retention
from pipedrive_graph.landing import Manifest
from pipedrive_graph.losses import refused
from pipedrive_graph.pipeline import after, before
from pipedrive_graph.pipeline.collector import Collector, Ended
from pipedrive_graph.pipeline.events import Events
from pipedrive_graph.pipeline.land import Landed, check, earlier_snapshot, land, oddities, rejection
from pipedrive_graph.pipeline.pending import pending
from pipedrive_graph.settings import Settings
from pipedrive_graph.unpublished import published_snapshots
from pipedrive_graph.warehouse.database import is_interrupt
from pipedrive_graph.warehouse.models import Models


@dataclass(frozen=True, slots=True)
class Request:
    """What a run is asked for.

    Attributes:
        companies: the companies to read.
        collect: how they are collected; by default, as the settings of each say.
        accept_shrink: whether a snapshot is taken although many users are gone.
        jobs: how many companies are read at the same time.
        publish_after: seconds that the first snapshot that is ready waits for the other companies.
    """

    companies: Sequence[Company]
    collect: Collect | None = None
    accept_shrink: bool = False
    jobs: int = 100
    publish_after: float = 900.0


def run(settings: Settings, request: Request, events: Events) -> None:
    """Run all steps for the companies; what goes wrong with one is reported to `events`, not raised.

    Args:
        settings: where everything lies.
        request: the companies, and how they are read.
        events: receives what happens.

    Raises:
        KeyboardInterrupt: if the process is told to end. What was read so far is kept.
    """
    try:
        _Run(settings, request, events).everything()
    except Exception as error:
        if is_interrupt(error):
            raise KeyboardInterrupt from error
        raise


def collect(settings: Settings, request: Request, events: Events) -> None:
    """Read the companies, and build nothing; see `run`.

    Raises:
        KeyboardInterrupt: if the process is told to end. What was read so far is kept.
    """
    try:
        _Run(settings, request, events, builds=False).everything()
    except Exception as error:
        if is_interrupt(error):
            raise KeyboardInterrupt from error
        raise


def publish_pending(settings: Settings, companies: Sequence[Company], events: Events) -> None:
    """Build, publish, report and alert for companies whose newest snapshot is not published; read nothing.

    Args:
        settings: where everything lies.
        companies: those that are looked at; nothing is reported to `events` of one that is published.
        events: receives what happens.

    Raises:
        KeyboardInterrupt: if the process is told to end.
    """
    found = pending(settings, [company.name for company in companies])
    waiting = [company for company in companies if company.name in found]
    try:
        if waiting:
            _Run(settings, Request(waiting), events).pending([*found.values()])
    except Exception as error:
        if is_interrupt(error):
            raise KeyboardInterrupt from error
        raise


class _Run:
    """One run: the companies that are left to do, and the snapshot of each that has landed."""

    def __init__(self, settings: Settings, request: Request, events: Events, *, builds: bool = True) -> None:
        self._settings, self._request, self._events, self._builds = settings, request, events, builds
        self._left = {company.name: company for company in request.companies}
        self._manifests: dict[str, Manifest] = {}

    def everything(self) -> None:
        """Run all steps."""
        for name in self._left:
            with self._events.about(name):
                self._events.began(name)
        first = next(iter(self._left))
        with self._concerning([*self._left]):
            models = before.configured(self._settings)
            before.prepare(self._settings, models, on_warning=self._events.observer(first).warn)
        if not self._left:
            return
        waiting, overdue = self._checked()
        to_read = [company for name, company in self._left.items() if name not in waiting]
        with Collector(to_read, self._land, jobs=self._request.jobs) as collector:
            try:
                if overdue and self._builds:
                    self._catch_up(models, overdue)
                self._batches(models, collector, [*waiting.values()])
            except BaseException:
                for ended in collector.stopped():
                    if isinstance(ended.result, Landed):
                        self._events.landed(ended.result)
                raise

    def pending(self, manifests: Sequence[Manifest]) -> None:
        """Run the steps that follow reading, for snapshots of earlier runs."""
        for name in self._left:
            self._events.began(name)
        names = [*self._left]
        with self._concerning(names):
            models = before.configured(self._settings)
            before.prepare(self._settings, models, on_warning=self._events.observer(names[0]).warn)
        ready = [
            manifest.company
            for manifest in manifests
            if manifest.company in self._left
            and self._note(Ended(manifest.company, Landed(manifest, is_earlier=True)))
        ]
        if ready:
            self._batch(models, ready)

    def _checked(self) -> tuple[dict[str, Landed], dict[str, Manifest]]:
        """Check the companies; the snapshots of earlier runs that are not published, in two kinds."""
        wait = self._events.observer(next(iter(self._left))).warn
        reasons: dict[str, PipedriveGraphError] = {}
        with self._concerning([*self._left]):
            reasons = refused(self._settings, [*self._left], wait=wait)
        shown = published_snapshots(self._settings.published)
        waiting: dict[str, Landed] = {}
        overdue: dict[str, Manifest] = {}
        for name, company in [*self._left.items()]:
            with self._concerning([name]):
                check(self._settings, company)
                if name in reasons:
                    raise reasons[name]
                for sentence in oddities(self._settings, company):
                    self._events.observer(name).warn(sentence)
                plan = self._request.collect or company.collect
                landed, behind = earlier_snapshot(self._settings, company, plan, shown)
                if landed:
                    waiting[name] = landed
                elif behind:
                    overdue[name] = behind
        return waiting, overdue

    async def _land(self, company: Company) -> Landed:
        """Read one company, on the collector's thread."""
        with self._events.about(company.name):
            return await land(
                self._settings,
                company,
                observer=self._events.observer(company.name),
                plan=self._request.collect,
                accept_shrink=self._request.accept_shrink,
            )

    def _catch_up(self, models: Models, overdue: dict[str, Manifest]) -> None:
        """Build and publish earlier snapshots while the companies are read; a company is read all the same.

        If that fails, the landing then has what Pipedrive says today, and the build fails where it shows.
        """
        failed: dict[str, Exception] = {}
        try:
            failed |= self._build(models, [*overdue], is_earlier=True)
            if len(failed) < len(overdue):
                build.publish(self._settings, models, tell=self._events.observer(next(iter(overdue))).warn)
        except Exception as error:
            if is_interrupt(error):
                raise
            failed |= dict.fromkeys(overdue, error)
        for name, manifest in overdue.items():
            sentence = f"Snapshot {manifest.snapshot_id} of an earlier run is not what is published: it was"
            if name in failed:
                why = failed[name]
                reason = str(why) if isinstance(why, PipedriveGraphError) else type(why).__name__
                sentence = f"Snapshot {manifest.snapshot_id} could not be built before reading: {reason}"
                self._warn(name, sentence)
            else:
                self._warn(name, f"{sentence} built and published first.")

    def _batches(self, models: Models, collector: Collector, waiting: list[Landed]) -> None:
        """Build and publish the companies in batches, as they end."""
        for landed in waiting:
            self._warn(
                landed.company,
                f"Snapshot {landed.manifest.snapshot_id} of an earlier run is not what is published:"
                " it is built and published now, without reading again.",
            )
            self._note(Ended(landed.company, landed))
        ready = [landed.company for landed in waiting]
        batches = collector.batches(self._request.publish_after, self._note, is_waiting=bool(ready))
        for batch in batches:
            if ready or batch:
                self._batch(models, [*ready, *batch])
            ready = []

    def _note(self, ended: Ended) -> bool:
        """Note how the collection of a company has ended; whether its snapshot is to be built."""
        if isinstance(ended.result, Exception):
            self._fail(ended.company, ended.result)
            return False
        self._manifests[ended.company] = ended.result.manifest
        with self._events.about(ended.company):
            self._events.landed(ended.result)
        if not ended.result.manifest.accepted:
            self._fail(ended.company, rejection(ended.result.manifest))
            return False
        return True

    def _batch(self, models: Models, names: list[str]) -> None:
        """Build, publish, report and alert for companies whose snapshots are ready."""
        if not self._builds:
            for name in self._still(names):
                del self._left[name]
                self._events.ended(name)
            return
        order = [company.name for company in self._request.companies]
        names = sorted(names, key=order.index)
        with self._concerning(names):
            for name, error in self._build(models, names).items():
                self._fail(name, error)
            done = self._still(names)
            if done:
                rows = build.publish(self._settings, models, tell=self._events.observer(done[0]).warn)
                self._events.published(done, rows)
        for name in self._still(names):
            with self._concerning([name]):
                after.report(self._settings, models, name)
                self._events.reported(name)
        for group in after.by_retention([self._left[name] for name in self._still(names)]):
            warn = self._events.observer(group[0].name).warn
            with self._concerning([company.name for company in group]):
                if removed := apply_retention(self._settings, models, group, on_wait=warn):
                    warn(removed)
        for name in self._still(names):
            with self._concerning([name]):
                problems = after.alert(
                    self._settings,
                    name,
                    self._manifests.get(name),
                    on_warning=self._events.observer(name).warn,
                )
                self._events.alerted(name, problems)
                del self._left[name]
                self._events.ended(name)

    def _build(self, models: Models, names: list[str], *, is_earlier: bool = False) -> dict[str, Exception]:
        """Build companies, and warn about what the operator should know; the error of each that failed."""
        batch = build.build_batch(self._settings, models, names, tell=self._events.observer(names[0]).warn)
        for name, built in batch.built.items():
            if is_earlier:
                continue  # the snapshot that is being read is the one to speak of
            with self._events.about(name):
                for sentence in warnings(built, names_people=self._events.names_people):
                    self._events.observer(name).warn(sentence)
                self._events.built(name, built)
        if batch.loose:
            self._warn(names[0], batch.loose)
        return dict(batch.failed)

    def _still(self, names: Sequence[str]) -> list[str]:
        """Those of the companies that no error has ended."""
        return [name for name in names if name in self._left]

    def _warn(self, company: str, sentence: str) -> None:
        with self._events.about(company):
            self._events.observer(company).warn(sentence)

    @contextmanager
    def _concerning(self, names: Sequence[str]) -> Iterator[None]:
        """An error inside ends the steps of these companies, as far as they have not ended."""
        try:
            if len(names) == 1:
                with self._events.about(names[0]):
                    yield
            else:
                yield
        except Exception as error:
            if is_interrupt(error):
                raise
            for name in self._still(names):
                self._fail(name, error)

    def _fail(self, company: str, error: Exception) -> None:
        """End the steps of a company with an error, and send the alert about it."""
        if self._left.pop(company, None) is None:
            return
        with self._events.about(company):
            self._events.failed(company, error)
            warn = self._events.observer(company).warn
            self._events.alerted(
                company, after.alert_failure(self._settings, company, error, on_warning=warn)
            )
            self._events.ended(company)
