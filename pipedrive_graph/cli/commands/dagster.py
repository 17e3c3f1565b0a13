"""`pipedrive-graph dagster`: runs Dagster's web page and daemon, safe to open in a browser."""

from __future__ import annotations

import importlib.util
import os

import click

from pipedrive_graph.cli.port import LOOPBACK, check_free
from pipedrive_graph.cli.runner import debug_option, say
from pipedrive_graph.common import environment
from pipedrive_graph.config import ownership, settings
from pipedrive_graph.errors import ConfigurationError, PipedriveGraphError

PORT = 3000


@click.command("dagster")
@click.option(
    "--only", type=click.Choice(["web", "daemon"]), help="Run only one of the two; by default, both."
)
@click.option("--host", default=LOOPBACK, show_default=True, help="Address to listen on.")
@click.option("--port", type=click.IntRange(1, 65_535), default=PORT, show_default=True)
@click.option("--read-only", is_flag=True, help="The page can show everything, but start and change nothing.")
@debug_option
def command(*, only: str | None, host: str, port: int, read_only: bool, debug: bool) -> None:
    """Run Dagster's web page and its daemon, until interrupted.

    The page answers under the names of this machine; PIPEDRIVE_GRAPH_DAGSTER_HOSTS adds host names. It has
    no login. Requests that another site's page makes the browser send are refused.
    """
    # imported late: slow, and `--help` does not need it
    from pipedrive_graph.orchestration import configuration, instance

    if only != "daemon" and importlib.util.find_spec("dagster_webserver") is None:
        raise PipedriveGraphError(
            'Dagster\'s web page is not installed; run `pip install "pipedrive-graph[server]"`.'
        )
    ownership.refuse_root(settings.home(), configuration.DAGSTER_ADVICE)
    os.umask(0o077)  # for this process and its children: only the owner can read Dagster's files
    with instance.opened(say) as opened:
        if opened is None:
            raise ConfigurationError(
                "The variable DAGSTER_HOME is not set; set it to a copy of the folder dagster_home."
            )
        if only != "daemon":
            from pipedrive_graph.orchestration import browser_guard, webserver

            check_free(host, port, what=f"Dagster's web page at {host}, port {port}")
            names = environment.value(browser_guard.HOSTS_VARIABLE).split(",")
            hosts = [name.strip() for name in names if name.strip()]
            say(f"Dagster's web page is at http://{host}:{port}")
            webserver.serve(
                opened, host=host, port=port, hosts=hosts, read_only=read_only, with_daemon=only is None
            )
    if only == "daemon":
        instance.become_daemon()
