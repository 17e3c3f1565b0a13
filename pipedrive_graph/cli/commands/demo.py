"""`pipedrive-graph demo`: runs the pipeline on a simulated company, over HTTP at the real rate limits."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import click
from rich.console import Console

from pipedrive_graph.builder.configuration import Configuration
from pipedrive_graph.cli import logs, terminal
from pipedrive_graph.cli.commands.sync import Runs, show, sync
from pipedrive_graph.cli.runner import as_root_value, debug_option, print_error, write_as
from pipedrive_graph.common.files import check_folder, make_folder
from pipedrive_graph.config.company import TOKEN_VARIABLE, Company, Plan
from pipedrive_graph.config.settings import Settings
from pipedrive_graph.errors import PipedriveGraphError
from pipedrive_graph.published.connection import reading
from pipedrive_graph.simulator.options import Options
from pipedrive_graph.simulator.server import Simulator

COMPANY = "demo"
LATENCY = 0.15
"""The simulator's latency in seconds: about that of Pipedrive."""


@click.command("demo")
@click.option("--users", default=300, show_default=True, type=click.IntRange(5, 20_000), help="Users.")
@click.option("--seed", default=1, show_default=True, help="Seed of the random company.")
@click.option(
    "--home",
    default=Path("demo"),
    show_default=True,
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder for the demo's data; an earlier demo there is replaced.",
)
@as_root_value
@debug_option
def command(*, users: int, seed: int, home: Path, as_root: bool, debug: bool) -> int:
    """Run the whole pipeline on a simulated company; no account and no network needed."""
    logs.quieten()
    home = home.absolute()
    check_folder(home, setting="--home")
    write_as(as_root, home)
    truth = home / "truth.json"
    _clear(home, truth)
    options = Options(users=users, seed=seed, latency=LATENCY, truth=truth)
    console = terminal.console()
    with Simulator(options) as simulator:
        console.print(
            f"A simulated Pipedrive answers at {simulator.url}: {users} users, "
            f"{options.limit} requests per {options.window:g} s, {LATENCY * 1000:.0f} ms each.\n",
            highlight=False,
        )
        os.environ[TOKEN_VARIABLE] = simulator.token
        company = Company(COMPANY, simulator.url, visibility=True, plan=Plan(options.plan))
        settings = Settings(home, (company,))
        configuration = Configuration(settings)
        runs = Runs(configuration, settings.companies, lambda _: None)
        sync(configuration, runs)
    (result,) = runs.all
    if result.error:
        print_error(result.error)
        return result.exit_code
    show(console, settings, result)
    wrong = _compare(settings.published, truth, console)
    console.print(
        f"\n  Query it:  PIPEDRIVE_GRAPH_HOME={home} pipedrive-graph sql "
        "\"FROM who_can('can_use_api') LIMIT 10\"",
        highlight=False,
        soft_wrap=True,
    )
    console.print(
        f"  Open the report:  {settings.access_report(COMPANY).as_uri()}", highlight=False, soft_wrap=True
    )
    return 1 if wrong else result.exit_code


def _clear(home: Path, truth: Path) -> None:
    """Empty the folder of an earlier demo; refuse any other folder that holds files."""
    if home.exists() and any(home.iterdir()):
        if not truth.exists():
            raise PipedriveGraphError(
                f"{home} is not the folder of an earlier demo; choose another with --home."
            )
        shutil.rmtree(home)
    make_folder(home)


def _compare(published: Path, truth: Path, console: Console) -> int:
    """Compare the findings with those that the simulator planted; return how many differ.

    Only rules about facts are compared, because peer rules depend on a threshold.
    """
    content = json.loads(truth.read_text())
    visibility = content["visibility"]
    rules = {*content["rules"], *visibility["rules"]}
    planted = {
        (finding["rule"], finding["subject_kind"], finding["subject_id"], finding["object"])
        for finding in [*content["findings"], *visibility["findings"]]
    }
    with reading(published) as connection:
        rows = connection.execute(
            "SELECT rule, subject_kind, subject_id, object FROM findings WHERE status = 'open'"
        ).fetchall()
    detected = {row for row in rows if row[0] in rules}
    missed, extra = planted - detected, detected - planted
    console.print(
        f"\n  The simulator has planted {len(planted)} anomalies: {len(planted & detected)} found, "
        f"{len(missed)} missed, {len(extra)} found that were not planted.",
        style="red" if missed or extra else "green",
        highlight=False,
    )
    return len(missed) + len(extra)
