"""Runs the nightly job in this process: the door of `sync`, of cron, and of whoever has no daemon."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import dagster as dg

from pipedrive_graph import options
from pipedrive_graph.alerts import send
from pipedrive_graph.companies import Collect
from pipedrive_graph.errors import PipedriveGraphError
from pipedrive_graph.orchestration import instance, retention
from pipedrive_graph.orchestration.assemble import JOB, build_definitions
from pipedrive_graph.orchestration.observers import Watch
from pipedrive_graph.orchestration.sensors import REPORTS_ITSELF
from pipedrive_graph.settings import Settings
from pipedrive_graph.warehouse.database import is_interrupt


def run_nightly(
    settings: Settings,
    company: str,
    *,
    watch: Watch,
    run_id: str | None = None,
    collect: Collect | None = None,
    accept_shrink: bool = False,
) -> None:
    """Run the nightly job for one company, to its end.

    The run is kept in the instance of DAGSTER_HOME where that is set, else nowhere. Its last asset sends the
    alerts; where the run does not come so far, they are sent from here.

    Args:
        settings: where everything lies.
        company: its name in the settings.
        watch: receives the progress, and what was committed.
        run_id: the id of the run in Dagster; by default, Dagster makes one.
        collect: how the company is collected; by default, as its settings say.
        accept_shrink: whether the snapshot is taken although many users are gone.

    Raises:
        PipedriveGraphError: whatever an asset raised, as it raised it.
        KeyboardInterrupt: if the process is told to end.
    """
    plan = str(collect) if collect else None
    try:
        _run(settings, company, watch=watch, run_id=run_id, plan=plan, shrink=accept_shrink)
    except Exception as error:
        observer = watch.observer(company, logging.getLogger(__name__))
        problems = send.problems(send.after_failure(settings, company, error, wait=observer.warn))
        for sentence in problems:
            observer.warn(sentence)
        watch.alerted(problems)
        raise


def _run(
    settings: Settings, company: str, *, watch: Watch, run_id: str | None, plan: str | None, shrink: bool
) -> None:
    job = build_definitions(settings, watch, accept_shrink=shrink).resolve_job_def(JOB)
    warn = watch.observer(company, logging.getLogger(__name__)).warn
    with _instance(warn) as opened:
        try:
            job.execute_in_process(
                instance=opened,
                partition_key=company,
                run_id=run_id,
                run_config={
                    "ops": {"collect": {"config": {"collect": plan}}},
                    "loggers": {"console": {"config": {"log_level": "CRITICAL"}}},
                },
                tags={"company": company, REPORTS_ITSELF: "yes"},
            )
            _delete_old_runs(opened, settings, warn)
        except dg.DagsterExecutionInterruptedError as error:  # how Dagster passes SIGINT and SIGTERM on
            raise KeyboardInterrupt from error
        except Exception as error:
            if is_interrupt(error):
                raise KeyboardInterrupt from error
            raise


def _delete_old_runs(opened: dg.DagsterInstance, settings: Settings, warn: Callable[[str], None]) -> None:
    """Delete old runs from a lasting instance, once a day; the night is done, and is not failed by it."""
    if opened.is_ephemeral:
        return
    try:
        retention.daily(opened, options.load(settings.home).dagster)
    except PipedriveGraphError as error:
        warn(f"Old runs of Dagster were not deleted: {error}")


@contextmanager
def _instance(on_wait: Callable[[str], None]) -> Iterator[dg.DagsterInstance]:
    with instance.opened(on_wait) as kept:
        if kept is not None:
            yield kept
            return
        with dg.DagsterInstance.ephemeral(settings={"telemetry": {"enabled": False}}) as ephemeral:
            yield ephemeral
