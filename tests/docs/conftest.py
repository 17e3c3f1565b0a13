"""A published file to run the examples of the docs on."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipedrive_graph.builder.configuration import Configuration
from pipedrive_graph.cli.commands.sync import Runs, sync
from pipedrive_graph.config.company import Company
from pipedrive_graph.config.settings import Settings
from pipedrive_graph.simulator.options import Options
from pipedrive_graph.simulator.server import Simulator


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The published file of the demo's company, on which the examples of the docs must run."""
    home = tmp_path_factory.mktemp("docs")
    with (
        Simulator(Options(users=300, seed=1, limit=4000)) as simulator,
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setenv("PIPEDRIVE_API_TOKEN", simulator.token)
        patch.delenv("DAGSTER_HOME", raising=False)
        configuration = Configuration(Settings(home, (Company("demo", simulator.url),)))
        runs = Runs(configuration, configuration.settings.companies, print)
        sync(configuration, runs)
        assert [run.exit_code for run in runs.all] == [0]
    return home / "identity_graph.duckdb"
