"""`pipedrive-graph sync`: collects companies, builds, publishes and reports, in this process."""

from __future__ import annotations

import json
import logging
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING
from uuid import uuid4

import click
from rich.console import Console

from pipedrive_graph.builder.configuration import Configuration
from pipedrive_graph.builder.unpublished import published_snapshots
from pipedrive_graph.cli import company_run, logs, terminal
from pipedrive_graph.cli.commands.completion import companies_option
from pipedrive_graph.cli.misconfigured import known_companies, load_configuration
from pipedrive_graph.cli.progress import Bars, CompanyObserver
from pipedrive_graph.cli.runner import (
    as_root_option,
    debug_option,
    failure,
    print_error,
    say,
    sentence,
    worst,
)
from pipedrive_graph.cli.terminal import render
from pipedrive_graph.common import environment
from pipedrive_graph.config.company import Collect, Company
from pipedrive_graph.config.settings import Settings
from pipedrive_graph.errors import ConfigurationError
from pipedrive_graph.runs.company_run import CompanyRun, CompanyRuns

if TYPE_CHECKING:
    from pipedrive_graph.pipeline import Landed

METRICS_EVERY = 60.0
"""The least seconds between two writes of the metrics. A write reads all companies; one more ends the run."""

NAMED = 3
"""The most companies that the message about an interrupted run names."""


@click.command("sync")
@companies_option("names")
@click.option(
    "--collect",
    type=click.Choice([str(plan) for plan in Collect]),
    help="How to collect the company; by default, as in the settings (every-user).",
)
@click.option(
    "--jobs",
    type=click.IntRange(min=1),
    help="How many companies to collect at the same time; by default all, at most 100.",
)
@click.option("--accept-shrink", is_flag=True, help="Accept the snapshot even if many users are gone.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object per company, one line each.")
@as_root_option
@debug_option
def command(
    *,
    names: tuple[str, ...],
    collect: str | None,
    jobs: int | None,
    accept_shrink: bool,
    as_json: bool,
    debug: bool,
) -> int:
    """Collect the companies, build the warehouse, check, publish and report.

    Companies are collected at the same time. A company that fails does not delay the others.

    Exit codes: 0 done, 2 usage or configuration, 3 not authorised, 4 partial or a rule could not be run, 5
    daily reserve reached, 6 done but an alert could not be sent, 1 anything else; for several companies, the
    worst.
    """
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # systemd sends SIGTERM; treat it as Ctrl-C
    logs.quieten()
    try:
        configuration = load_configuration()
        settings = configuration.settings
        companies = settings.chosen(names)
    except ConfigurationError as error:
        if as_json:
            for name in known_companies(names):
                click.echo(json.dumps(failure(name, error.exit_code, str(error))))
        raise
    console = terminal.console()
    runs = Runs(configuration, companies, lambda run: _print_run(console, settings, run, as_json=as_json))
    try:
        sync(configuration, runs, collect=collect, accept_shrink=accept_shrink, jobs=jobs)
    except KeyboardInterrupt as interrupt:
        how_far = runs.interrupted()
        if as_json:
            for name, text in how_far.items():
                click.echo(json.dumps(failure(name, 1, f"Interrupted. {text}")))
        raise KeyboardInterrupt(_together(how_far)) from interrupt
    return worst(run.exit_code for run in runs.all)


class Runs(CompanyRuns):
    """The companies of one `sync`: records each company's run, and prints its progress and result.

    Args:
        configuration: the configuration files of the home folder.
        companies: the companies to collect.
        on_ended: called with each company's run when it has ended.
    """

    names_people = True

    def __init__(
        self,
        configuration: Configuration,
        companies: Sequence[Company],
        on_ended: Callable[[CompanyRun], None],
    ) -> None:
        self._configuration, self.companies, self._on_ended = configuration, companies, on_ended
        self.bars = Bars(len(companies))
        named = len(companies) > 1
        super().__init__(
            configuration.settings,
            [
                CompanyRun(name, CompanyObserver(name, self.bars, named=named), run_id=str(uuid4()))
                for name in (company.name for company in companies)
            ],
        )
        self._measured_at = time.monotonic()

    @property
    def all(self) -> list[CompanyRun]:
        """The run of each company, in the order of the settings."""
        return [*self.runs.values()]

    def sentence(self, error: Exception) -> str:
        """An error as the record states it."""
        return sentence(error)

    @contextmanager
    def about(self, company: str) -> Iterator[None]:
        """Messages inside concern a company and its run."""
        with logs.about(company, self.runs[company].run_id):
            yield

    def began(self, company: str) -> None:
        """Record that the run of a company has begun, and show its bar."""
        super().began(company)
        self.bars.begin(company)

    def landed(self, landed: Landed) -> None:
        """Keep the snapshot of a company that is collected."""
        super().landed(landed)
        self.bars.end(landed.company)

    def ended(self, company: str) -> None:
        """Record how the run of a company has ended, and print it."""
        super().ended(company)
        self.bars.end(company)  # if the company failed during collection
        with self.bars.paused():
            self._on_ended(self.runs[company])
        if time.monotonic() - self._measured_at >= METRICS_EVERY:
            self.write_metrics()

    def interrupted(self) -> dict[str, str]:
        """Record the unfinished companies as interrupted, and return the progress of each by name."""
        shown = published_snapshots(self.home.published)
        how_far = {run.company: company_run.interrupted(run.manifest, shown) for run in self.under_way}
        for run in self.under_way:
            run.interrupt(f"Interrupted. {how_far[run.company]}")
        self.write_metrics()
        return how_far

    def write_metrics(self) -> None:
        """Write the metrics of all companies."""
        from pipedrive_graph.runs.metrics import write_metrics

        settings = self._configuration.settings
        write_metrics(
            settings,
            settings.names,
            settings.options.metrics.textfile,
            self._configuration.alerts_file,
            self.all[0].observer.warn,
        )
        self._measured_at = time.monotonic()


def sync(
    configuration: Configuration,
    runs: Runs,
    *,
    collect: str | None = None,
    accept_shrink: bool = False,
    jobs: int | None = None,
) -> None:
    """Run all steps for companies. An error of a company is kept in its run and recorded, not raised.

    If DAGSTER_HOME is set, the run is recorded in Dagster as well.

    Raises:
        KeyboardInterrupt: if the run was interrupted.
        ConfigurationError: if settings.toml cannot be used.
    """
    from pipedrive_graph import pipeline  # imported late: the warehouse is slow

    chosen = configuration.settings.options.sync
    request = pipeline.Request(
        runs.companies,
        Collect(collect) if collect else None,
        accept_shrink=accept_shrink,
        jobs=jobs or chosen.jobs,
        publish_after=chosen.publish_after * 60,
    )
    with runs.bars:
        if environment.value(environment.DAGSTER_HOME):
            from pipedrive_graph.orchestration.run import run_recorded  # imported late: slow

            run_recorded(configuration, request, runs)
        else:
            pipeline.run(configuration, request, runs)
    runs.write_metrics()


def _print_run(console: Console, settings: Settings, run: CompanyRun, *, as_json: bool) -> None:
    """Print the result of a company, and its error if it has one."""
    if as_json:
        click.echo(json.dumps(company_run.as_json(run, settings)))
        if run.is_partial and run.verdict and not run.error:
            say(f"{run.company} is partial: {run.verdict.reason}", logging.WARNING)
    elif not run.error:
        show(console, settings, run)
        if len(settings.companies) > 1:
            console.print()
    if run.error:
        print_error(run.error, of=settings.named(run.company))


def _together(how_far: dict[str, str]) -> str:
    """The progress of interrupted companies in one text; if it differs, that of the first few."""
    if len({*how_far.values()}) <= 1:
        return "".join({*how_far.values()})
    named = [f"{company}: {text}" for company, text in how_far.items()]
    more = f" {len(named) - NAMED} more companies were interrupted, too." if len(named) > NAMED else ""
    return " ".join(named[:NAMED]) + more


def show(console: Console, settings: Settings, run: CompanyRun) -> None:
    """Print the result of a company and the paths of its files."""
    if run.manifest and run.summary and run.verdict:
        manifest = run.manifest.model_copy(update={"verdict": run.verdict})
        render(console, manifest, run.summary, seconds=run.seconds, earlier=run.is_earlier)
    places = {
        "Database": settings.published,
        "Reports": settings.reports / run.company,
        "Report": settings.access_report(run.company),
    }
    for what, where in places.items():
        console.print(f"  {what:<9} {where}", highlight=False, soft_wrap=True)
