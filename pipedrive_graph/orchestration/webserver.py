"""Serves Dagster's web page behind the browser guard."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterator, Sequence

import dagster as dg
import uvicorn
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import ModuleTarget
from dagster_webserver.app import create_app_from_workspace_process_context
from dagster_webserver.cli import (
    DEFAULT_DB_STATEMENT_TIMEOUT,
    DEFAULT_POOL_MAX_OVERFLOW,
    DEFAULT_POOL_RECYCLE,
)
from starlette.types import ASGIApp

from pipedrive_graph.orchestration.browser_guard import BrowserGuard
from pipedrive_graph.orchestration.instance import DEFINITIONS, daemon

POLL = 2000
"""Milliseconds between two polls of an open page; Dagster's own default."""


def serve(
    instance: dg.DagsterInstance,
    *,
    host: str,
    port: int,
    hosts: Sequence[str] = (),
    read_only: bool = False,
    with_daemon: bool = False,
) -> None:
    """Serve the web page until the process is interrupted or terminated.

    Args:
        instance: the instance to show.
        host: the address to listen on.
        port: the port to listen on.
        hosts: the allowed host names, besides those of this machine.
        read_only: whether the page cannot start or change anything.
        with_daemon: whether to run Dagster's daemon beside it.
    """
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that the daemon ends with this process
    with (
        page(instance, read_only=read_only) as app,
        daemon() if with_daemon else contextlib.nullcontext(),
        contextlib.suppress(KeyboardInterrupt),  # uvicorn raises the signal that ended it again
    ):
        uvicorn.run(BrowserGuard(app, hosts), host=host, port=port, log_level="warning")


@contextlib.contextmanager
def page(instance: dg.DagsterInstance, *, read_only: bool = False) -> Iterator[ASGIApp]:
    """Dagster's own application, as `dagster-webserver` builds it, without protection against other sites."""
    instance.optimize_for_webserver(
        DEFAULT_DB_STATEMENT_TIMEOUT, DEFAULT_POOL_RECYCLE, DEFAULT_POOL_MAX_OVERFLOW
    )
    target = ModuleTarget(DEFINITIONS, attribute=None, working_directory=None, location_name=None)
    with WorkspaceProcessContext(instance, workspace_load_target=target, read_only=read_only) as workspace:
        yield create_app_from_workspace_process_context(workspace, live_data_poll_rate=POLL)
