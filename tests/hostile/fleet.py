"""All cases of the matrix as companies of one home folder, which one `sync` collects and publishes."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from installation import CommandResult, Installation

from pipedrive_graph.pipedrive.http_types import Timeouts
from pipedrive_graph.pipedrive.ratelimit.retry import RetryPolicy
from pipedrive_graph.simulator.server import Simulator

from .stage import FIRST, SECOND, Plant, View, change, company

THIRD = "2026-11-02T03:00:00Z"

JOBS = "4"
PATIENT = RetryPolicy(first=0.02, longest=0.1, silence=10, pauses=3)
LONG = Timeouts(connect=5, read=2, total=4)
"""Long, because this process collects four companies at the same time and also simulates them."""


@dataclass
class Member:
    """A company of the fleet; `calm` is a user without changes between the first two nights."""

    name: str
    simulator: Simulator
    calm: int = 0


@dataclass
class Night:
    """The result of `sync` for all companies.

    Attributes:
        told: the exit code of the command, and what it printed.
        published: a copy of what it published.
        results: the JSON object of each company.
    """

    told: CommandResult
    published: Path
    results: dict[str, dict[str, Any]]
    _views: dict[str, View] = field(default_factory=dict)

    def view(self, name: str) -> View:
        """The published data of a company."""
        return self._views.setdefault(name, View(self.published, name))

    def sentence(self, name: str) -> str | None:
        """The only line on stderr about a company, except warnings, in the form for a single company."""
        lines = [line for line in self.told.err.splitlines() if line.startswith(name)]
        if not lines:
            return None
        (line,) = lines
        return line.removeprefix(f"{name}: ").replace(name, "default")


class Fleet:
    """Equal companies, each with its own simulator, and three nights of them.

    Attributes:
        members: the companies.
        nights: one without faults, one with, and one without.
    """

    def __init__(self, folder: Path, stack: ExitStack, dialects: Sequence[str]) -> None:
        self._folder = folder
        self.members = [
            Member(f"company{number:02}x", stack.enter_context(company(dialect=dialect)))
            for number, dialect in enumerate(dialects)
        ]
        self.nights: list[Night] = []
        self.installation = Installation(folder / "home")
        self.installation.home.mkdir()
        settings = ""
        for member in self.members:
            variable = f"TOKEN_{member.name}"
            self.installation.variables[variable] = member.simulator.token
            settings += f'[{member.name}]\napi_token_env = "{variable}"\n'
            settings += f'base_url = "{member.simulator.url}"\n'
        (self.installation.home / "companies.toml").write_text(settings)

    def run(self, plants: Sequence[Plant]) -> None:
        """Run the nights; in the second, the first companies meet these faults."""
        self._night(FIRST)
        assert self.nights[0].told.code == 0, self.nights[0].told
        for member in self.members:
            member.calm = change(member.simulator)
        for member, plant in zip(self.members, plants, strict=False):
            plant(member)
        self._night(SECOND)
        for member in self.members:
            member.simulator.faults.clear()
        self._night(THIRD)

    def _night(self, clock: str) -> None:
        self.installation.variables["PIPEDRIVE_GRAPH_CLOCK"] = clock
        told = self.installation.command("sync", "--json", "--jobs", JOBS)
        assert "Traceback" not in told.out + told.err
        published = self._folder / f"{len(self.nights)}.duckdb"
        published.write_bytes(self.installation.published.read_bytes())
        results = {result["company"]: result for result in told.objects}
        assert len(results) == len(self.members)
        self.nights.append(Night(told, published, results))
