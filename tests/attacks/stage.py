"""A home folder with a history, and the commands of a day, run in copies of it with and without attacks.

The history has two nights, a roster, a waiver, an open review with the file of its decisions, and alerts that
are sent. In the story somebody decides, the third night is collected, and everything is written and exported.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import pandas as pd
from alerts.receivers import WebReceiver, web_receiver
from installation import CommandResult, Installation
from published import Row, query, tables

from pipedrive_graph.cli.app import group
from pipedrive_graph.simulator.nights import live_on
from pipedrive_graph.simulator.server import Options, Simulator

NIGHTS = ("2026-11-01T02:00:00Z", "2026-11-09T02:00:00Z")
DECIDED = "2026-11-09T09:{:02}:00Z"
THIRD = "2026-11-17T02:{:02}:00Z"

BETWEEN_TRIES = timedelta(seconds=20)

_TIME = re.compile(r"\b(\d{4}-\d\d-\d\d)[ T]\d\d:\d\d:\d\d(\.\d+)?Z?|\b(\d{4})(\d\d)(\d\d)T\d{6}-\d{6}\b")
_BY_CHANCE = re.compile(r"\b[0-9a-f]{64}\b|\b\d{8}-[0-9a-f]{10}\b")
"""Digests of files that contain times, and ids of reviews."""


MANY = (2, 3, 4)
"""Kills of the commands that write the most."""


@dataclass(frozen=True)
class Step:
    """A command of the story.

    Attributes:
        arguments: of the command line; `{…}` stands for what `Stage.known` knows by that name.
        clock: at which the command starts.
        is_done: says from the home whether a killed command was carried out all the same, so that it is not
            given again; None is a command that may always be given again.
        kills: how often it is killed in a round, one of these by chance.
    """

    arguments: tuple[str, ...]
    clock: str
    is_done: Callable[[Stage], bool] | None = None
    kills: tuple[int, ...] = (0, 1, 2)

    @property
    def name(self) -> str:
        return " ".join(word for word in self.arguments[:2] if word.isalpha())


@dataclass(frozen=True)
class Stage:
    """A home folder, with the environment and servers that its commands need."""

    home: Path
    simulator: Simulator
    receiver: WebReceiver
    known: dict[str, str]

    def copy(self, folder: Path) -> Stage:
        """A copy in another home folder, independent of this one."""
        shutil.copytree(self.home, folder)
        return Stage(folder, self.simulator, self.receiver, {**self.known, "folder": str(folder)})

    @property
    def installation(self) -> Installation:
        return Installation.of(self.home, self.simulator)

    def environment(self, step: Step, *, tried: int = 0) -> dict[str, str]:
        """The variables of a step's process; each attempt has a later clock than the one before."""
        clock = datetime.fromisoformat(step.clock) + tried * BETWEEN_TRIES
        return {
            **self.installation.environment,
            "PIPEDRIVE_GRAPH_CLOCK": clock.isoformat(),
            "PIPEDRIVE_ROSTER": str(self.home / "roster.csv"),
            "HOOK": self.receiver.url,
        }

    def arguments(self, step: Step) -> list[str]:
        return [argument.format(**self.known) for argument in step.arguments]

    def seen(self) -> dict[str, list[Row]]:
        """Every published table, as rows with times cut to days and without random values."""
        found = tables(self.installation.published, clock=False)
        return {name: sorted(_settled(row) for row in rows) for name, rows in found.items()}

    def snapshots(self) -> int:
        """How many snapshots are published; fails if the published file cannot be opened."""
        return int(query(self.installation.published, "SELECT count(*) FROM snapshots")[0][0])


def _settled(row: Row) -> Row:
    texts = (_TIME.sub(_day, str(value)) for value in row)
    return tuple(_BY_CHANCE.sub("…", text) for text in texts)


def _day(found: re.Match[str]) -> str:
    return found[1] or f"{found[3]}-{found[4]}-{found[5]}"


def _acknowledged(stage: Stage) -> bool:
    """Whether the event is acknowledged; a second `ack` would be refused."""
    return '"acknowledged"' in (stage.home / "journal" / "default.ndjson").read_text()


def _opened(stage: Stage) -> bool:
    """Whether the second review is open; running the command again would open a third."""
    if '"second"' in (stage.home / "journal" / "default.ndjson").read_text():
        return True
    # of a review that was never opened; the command refuses to write over what may hold decisions
    (stage.home / "second.xlsx").unlink(missing_ok=True)
    return False


def _collected(stage: Stage) -> bool:
    """Whether the third night is published; running the command again would collect a fourth."""
    return stage.snapshots() == 3


STORY = (
    Step(
        ("waive", "{state}", "--reason", "agreed", "--owner", "Kim", "--until", "2027-01-31"),
        DECIDED.format(1),
    ),
    Step(("ack", "{event}", "--note", "seen"), DECIDED.format(2), _acknowledged),
    Step(("review", "import", "{decisions}"), DECIDED.format(3)),
    Step(("review", "open", "--out", "{folder}/second.xlsx", "--name", "second"), DECIDED.format(4), _opened),
    Step(("plan",), THIRD.format(0)),
    Step(("sync", "--json"), THIRD.format(1), _collected, kills=MANY),
    Step(("doctor",), THIRD.format(10)),
    Step(("report",), THIRD.format(11)),
    Step(("findings",), THIRD.format(12)),
    Step(("changes", "--since", "2026-11-01"), THIRD.format(13)),
    Step(("sql", "SELECT count(*) FROM users"), THIRD.format(14)),
    Step(("export", "--format", "csv"), THIRD.format(15)),
    Step(("export", "--format", "xlsx"), THIRD.format(16)),
    Step(("export", "--format", "neo4j"), THIRD.format(17)),
    Step(("alerts",), THIRD.format(18)),
    *([Step(("verify",), THIRD.format(19))] if "verify" in group.commands else []),
    Step(("rebuild",), THIRD.format(20), kills=MANY),
)
"""Left out are `demo` and `simulate`, which have no home, `explore`, which is a server that only reads, and
`login`, which waits for a browser: tests/cli/test_oauth.py kills a process that renews a token."""


def fill(review: Path, decisions: Path) -> None:
    """Decide about all users alternately: keep, revoke, keep, …"""
    people = pd.read_csv(review, dtype=str, keep_default_na=False)
    people["decision"] = [("keep", "revoke")[number % 2] for number in range(len(people))]
    people["decided by"] = "kim@example.com"
    people.to_csv(decisions, index=False)


@contextmanager
def staged(folder: Path, *, seed: int = 1) -> Iterator[Stage]:
    """Create the history; the simulator and the receiver of alerts run until the end of the block."""
    with Simulator(Options(users=12, limit=4000, seed=seed)) as simulator, web_receiver() as receiver:
        home = folder / "home"
        stage = Stage(home, simulator, receiver, {})
        installation = stage.installation
        installation.variables |= {"PIPEDRIVE_ROSTER": str(home / "roster.csv"), "HOOK": receiver.url}
        home.mkdir(parents=True)
        people = [user.email for user in simulator.company.users.values() if user.email]
        (home / "roster.csv").write_text(
            "email,status\n" + "".join(f"{email},active\n" for email in people[1:])
        )
        (home / "alerts.toml").write_text('[[alert]]\nkind = "webhook"\nurl_env = "HOOK"\n')

        def give(clock: str, *arguments: str) -> CommandResult:
            installation.variables["PIPEDRIVE_GRAPH_CLOCK"] = clock
            result = installation.command(*arguments)
            assert result.code == 0, (arguments, result)
            return result

        give(NIGHTS[0], "sync")
        give(
            NIGHTS[0].replace("T02", "T09"),
            "review",
            "open",
            "--out",
            str(home / "first.csv"),
            "--name",
            "first",
        )
        decisions = home / "decided.csv"
        fill(home / "first.csv", decisions)
        plain = next(user for user in simulator.company.users.values() if user.active and not user.admin_apps)
        live_on(simulator.company)
        simulator.company.grant(plain.id, "can_delete_deals")
        give(NIGHTS[1], "sync")
        live_on(simulator.company)
        findings = give(NIGHTS[1], "findings", "--json").objects
        known = {
            "state": next(entry["finding_id"] for entry in findings if entry["snapshot_id"] is None),
            "event": next(entry["finding_id"] for entry in findings if entry["snapshot_id"] is not None),
            "decisions": str(decisions),
            "folder": str(home),
        }
        yield Stage(home, simulator, receiver, known)
