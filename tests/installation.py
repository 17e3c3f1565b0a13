"""A home folder with settings for tests, and functions that run commands and nights on it."""

from __future__ import annotations

import asyncio
import io
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from pipedrive_graph.builder import build
from pipedrive_graph.builder.built import Built
from pipedrive_graph.builder.configuration import Configuration
from pipedrive_graph.cli.app import group
from pipedrive_graph.cli.runner import run
from pipedrive_graph.collect import Progress, collect
from pipedrive_graph.common.clock import CLOCK_VARIABLE
from pipedrive_graph.common.resources import sql_folder
from pipedrive_graph.config import settings as settings_module
from pipedrive_graph.config.company import Collect
from pipedrive_graph.config.settings import Settings
from pipedrive_graph.decisions.journal import Journal
from pipedrive_graph.landing import CompanyLanding, Landing, Manifest
from pipedrive_graph.simulator.server import Simulator
from pipedrive_graph.warehouse.sql_project import Models

MODELS = Models(sql_folder())


def build_company(settings: Settings, models: Models, company: str) -> Built:
    """Build the pending snapshots of one company, which the settings need not name; an error is raised."""
    named = {known.name: known for known in settings.companies}
    configuration = Configuration(settings)
    batch = build.build_batch(
        settings,
        models,
        configuration.policies,
        configuration.waivers,
        [named.get(company) or replace(settings.companies[0], name=company)],
        on_wait=print,
    )
    for error in batch.failed.values():
        raise error
    return replace(batch.built[company], fired=batch.fired, loose=batch.loose)


def rebuild(settings: Settings, models: Models) -> Built:
    """Rebuild everything with the policies of the home folder."""
    return build.rebuild(settings, models, Configuration(settings).policies, on_wait=print)


UNJUDGED = MODELS.without([rule.qualified for rule in MODELS.of("rules")])
"""All models except the rules, which take half of a small night: for tests that are not about findings."""

Serve = Callable[..., Simulator]
"""Starts a simulator with these options; the type of the fixture `serve`."""


def arrived(simulator: Simulator) -> int:
    """Waits until no more requests arrive, and returns how many there were."""
    before = -1
    while before != len(simulator.requests):
        before = len(simulator.requests)
        time.sleep(0.1)
    return before


@dataclass(frozen=True)
class CommandResult:
    """The exit code of a command, and its output."""

    code: int
    out: str
    err: str

    @property
    def objects(self) -> list[dict[str, Any]]:
        """The JSON objects on stdout, one per line."""
        return [json.loads(line) for line in self.out.splitlines()]

    @property
    def failures(self) -> list[tuple[str | None, int, str]]:
        """Company, exit code and error of each object on stdout; every object must be a failure."""
        for entry in self.objects:
            assert list(entry) == ["company", "at", "exit_code", "error"]
            assert datetime.fromisoformat(entry["at"]).tzinfo is not None
        return [(entry["company"], entry["exit_code"], entry["error"]) for entry in self.objects]

    @property
    def sentence(self) -> str:
        """The only line on stderr except warnings; fails if there are more, for example a traceback."""
        (line,) = [line for line in self.err.strip().splitlines() if not line.startswith("Warning: ")]
        return line


@dataclass
class Silent:
    """An observer that collects the warnings."""

    warnings: list[str] = field(default_factory=list)

    def progress(self, progress: Progress) -> None:
        pass

    def warn(self, sentence: str) -> None:
        self.warnings.append(sentence)


@dataclass
class Installation:
    """A home folder and its environment variables; tests may change both between two nights."""

    home: Path
    variables: dict[str, str] = field(default_factory=dict)
    models: Models = MODELS

    @classmethod
    def of(cls, home: Path, simulator: Simulator, models: Models = MODELS) -> Installation:
        variables = {"PIPEDRIVE_API_TOKEN": simulator.token, "PIPEDRIVE_BASE_URL": simulator.url}
        return cls(home, variables, models)

    @property
    def environment(self) -> dict[str, str]:
        return {**self.variables, "PIPEDRIVE_GRAPH_HOME": str(self.home)}

    @property
    def published(self) -> Path:
        return self.home / "identity_graph.duckdb"

    @property
    def settings(self) -> Settings:
        return settings_module.load(self.environment)

    @property
    def written(self) -> int:
        """How many complete responses an unfinished snapshot has."""
        paths = self.home.glob("landing/default/*/*.ndjson")
        return sum(path.read_bytes().count(b"\n") for path in paths)

    def landing(self, company: str = "default") -> CompanyLanding:
        return Landing(self.settings.storage).of(company)

    def command(self, *arguments: str) -> CommandResult:
        """Run a command in this process."""
        out, err = io.StringIO(), io.StringIO()
        with self._variables_set(), redirect_stdout(out), redirect_stderr(err):
            code = run(group, arguments)
        return CommandResult(code, out.getvalue(), err.getvalue())

    def process(self, *arguments: str, **how: Any) -> subprocess.Popen[str]:
        """Start a command in a separate process; the simulators of this process use its clock."""
        if CLOCK_VARIABLE in self.variables:
            os.environ[CLOCK_VARIABLE] = self.variables[CLOCK_VARIABLE]
        else:
            os.environ.pop(CLOCK_VARIABLE, None)
        return subprocess.Popen(
            [sys.executable, "-m", "pipedrive_graph", *arguments],
            env={**os.environ, **self.environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            **how,
        )

    def on_a_full_disk(self, size: int, *arguments: str) -> CommandResult:
        """Run a command in a separate process that cannot write files larger than `size` bytes."""
        limited = (
            "import resource, runpy, signal\n"
            "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
            f"resource.setrlimit(resource.RLIMIT_FSIZE, ({size}, {size}))\n"
            "runpy.run_module('pipedrive_graph', run_name='__main__')\n"
        )
        ended = subprocess.run(
            [sys.executable, "-c", limited, *arguments],
            env={**os.environ, **self.environment},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        return CommandResult(ended.returncode, ended.stdout, ended.stderr)

    def wait(self, process: subprocess.Popen[str], timeout: float = 60) -> CommandResult:
        out, err = process.communicate(timeout=timeout)
        return CommandResult(process.returncode, out, err)

    def night(
        self,
        *,
        plan: Collect | None = None,
        accept_shrink: bool = False,
        observer: Silent | None = None,
    ) -> Manifest:
        """Do what `sync` does by calling its functions: faster, for tests that are not about the command."""
        (company,) = self.settings.companies
        manifest = self.read(plan=plan, accept_shrink=accept_shrink, observer=observer)
        with self._variables_set():
            if manifest.accepted:
                build_company(self.settings, self.models, company.name)
                build.publish(self.settings, self.models, on_wait=print)
        return manifest

    def read(
        self,
        *,
        plan: Collect | None = None,
        accept_shrink: bool = False,
        observer: Silent | None = None,
    ) -> Manifest:
        """Do the first half of a night: collect the company into its landing."""
        (company,) = self.settings.companies
        with self._variables_set():
            return asyncio.run(
                collect(
                    company,
                    self.landing(company.name),
                    observer=observer or Silent(),
                    plan=plan,
                    accept_shrink=accept_shrink,
                    journal=Journal.of(self.settings, company.name).mark(),
                )
            )

    @contextmanager
    def _variables_set(self) -> Iterator[None]:
        before = dict(os.environ)
        os.environ.update(self.environment)
        try:
            yield
        finally:
            os.environ.clear()
            os.environ.update(before)
