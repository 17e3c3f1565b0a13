"""A home folder with three runs of alpha and one of beta: a waiver, two rosters, reviews, exports, alerts."""

from __future__ import annotations

import asyncio
import gzip
import io
import shutil
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from alerts.receivers import WebReceiver, web_receiver
from installation import MODELS, CommandResult, Installation, Silent, build_company, rebuild
from published import query, tables

from pipedrive_graph.alerts import send
from pipedrive_graph.builder import build
from pipedrive_graph.collect import collect
from pipedrive_graph.config import alerts_file
from pipedrive_graph.decisions.journal import Journal
from pipedrive_graph.simulator.model import User
from pipedrive_graph.simulator.nights import live_on
from pipedrive_graph.simulator.server import Options, Simulator

RULES = {"admin_granted", "dormant_user", "leaver_still_active", "never_logged_in", "not_on_roster"}
FEW = MODELS.without([rule.qualified for rule in MODELS.of("rules") if rule.name not in RULES])
"""A few rules, for states and for events; a run with all rules takes far longer."""

NIGHT = "2026-11-{:02}T02:00:00Z"


@dataclass
class Home:
    """An installation with its simulators and receivers.

    Attributes:
        finding: the finding that is waived.
        gone: somebody who was there in the first nights, and is gone since.
    """

    installation: Installation
    simulator: Simulator
    receiver: WebReceiver
    finding: str
    gone: User

    @property
    def path(self) -> Path:
        return self.installation.home

    @property
    def published(self) -> Path:
        return self.installation.published

    def copy(self, folder: Path) -> Home:
        """A copy in another home folder, independent of this one."""
        shutil.copytree(self.path, folder, symlinks=True)
        installation = Installation(folder, dict(self.installation.variables), FEW)
        return Home(installation, self.simulator, self.receiver, self.finding, self.gone)

    def at(self, day: int, hour: int = 2) -> None:
        """Set the clock."""
        moment = NIGHT.format(day).replace("T02", f"T{hour:02}")
        self.installation.variables["PIPEDRIVE_GRAPH_CLOCK"] = moment

    def night(self, company: str, day: int) -> None:
        """Run a night, with its alerts."""
        self.at(day)
        with self.installation._variables_set():
            settings = self.installation.settings
            asyncio.run(
                collect(
                    settings.company(company),
                    self.installation.landing(company),
                    observer=Silent(),
                    journal=Journal.of(settings, company).mark(),
                )
            )
            build_company(settings, FEW, company)
            build.publish(settings, FEW, on_wait=print)
        self.alert(company)

    def alert(self, company: str) -> list[dict[str, Any]]:
        """Send the alerts that are due; return them."""
        self.receiver.got.clear()
        with self.installation._variables_set():
            send.send(
                self.installation.settings,
                alerts_file.read(self.installation.settings),
                company,
                on_wait=print,
            )
        return self.receiver.bodies

    def given(self, *arguments: str) -> CommandResult:
        """Run a command that must succeed."""
        result = self.installation.command(*arguments)
        assert result.code == 0, (arguments, result)
        return result

    def forget(self, *arguments: str) -> CommandResult:
        """Run `forget` with `--yes`."""
        return self.installation.command("forget", *arguments, "--reason", "policy 7", "--yes")

    def snapshots(self, company: str = "alpha") -> list[str]:
        """The days of a company's published snapshots."""
        sql = "SELECT strftime(started_at, '%d') FROM snapshots WHERE company = ? ORDER BY started_at"
        return [day for (day,) in query(self.published, sql, company)]

    def open(self) -> list[tuple[Any, ...]]:
        """The unresolved findings, without times."""
        sql = (
            "SELECT company, finding_id, rule, subject_id, status, waiver_reason FROM findings"
            " WHERE status <> 'resolved' ORDER BY ALL"
        )
        return query(self.published, sql)

    def rebuilds_the_same(self) -> None:
        """Compare the result of a rebuild with the published file."""
        before = tables(self.published)
        self.rebuild()
        assert tables(self.published) == before

    def rebuild(self) -> None:
        with self.installation._variables_set():
            rebuild(self.installation.settings, FEW)

    def faults(self, *arguments: str) -> list[str]:
        """The damage that `verify` reports."""
        result = self.installation.command("verify", "--json", *arguments)
        assert not result.err
        return [each["text"] for each in result.objects if each["state"] == "fault"]


def contents(home: Path) -> dict[str, bytes]:
    """Every file of a home folder, except locks and the cache of sql/."""
    return {
        str(path.relative_to(home)): path.read_bytes()
        for path in home.rglob("*")
        if path.is_file() and not path.name.endswith("lock") and path.parent.name != "cache"
    }


def unpacked(path: Path) -> Iterator[bytes]:
    """The bytes of a file, and of the content of a compressed file or an archive."""
    content = path.read_bytes()
    yield content
    if content.startswith(b"\x1f\x8b"):
        yield gzip.decompress(content)
    elif content.startswith(b"PK"):
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            yield from (archive.read(name) for name in archive.namelist())


def holding(home: Path, *texts: str) -> list[str]:
    """The files of a home folder that contain one of these texts, also in unused blocks of databases."""
    sought = [text.encode() for text in texts]
    return sorted(
        str(path.relative_to(home))
        for path in home.rglob("*")
        if path.is_file() and any(text in content for content in unpacked(path) for text in sought)
    )


@contextmanager
def made(folder: Path) -> Iterator[Home]:
    """Run the nights; the simulator and the receiver of alerts run until the end of the block."""
    with Simulator(Options(users=12, limit=4000, seed=1)) as simulator, web_receiver() as receiver:
        home = folder / "home"
        home.mkdir(mode=0o700)
        installation = Installation(home, {"HOOK": receiver.url, "TOKEN": simulator.token}, FEW)
        (home / "companies.toml").write_text(
            f'[alpha]\napi_token_env = "TOKEN"\nbase_url = "{simulator.url}"\nroster = "people.csv"\n'
            f'[beta]\napi_token_env = "TOKEN"\nbase_url = "{simulator.url}"\n'
        )
        (home / "alerts.toml").write_text(
            '[[alert]]\nkind = "webhook"\nurl_env = "HOOK"\n'
            'severities = ["critical", "high", "medium", "low"]\n'
        )
        people = [user for user in simulator.company.users.values() if user.email]
        plain = [user for user in people if user.active and user.created and not user.admin_apps]
        gone, granted = plain[-1], plain[0]

        def roster(*left_out: User) -> None:
            rows = [f"{user.email},active\n" for user in people if user not in left_out]
            (home / "people.csv").write_text("email,status\n" + "".join(rows))

        result = Home(installation, simulator, receiver, "", gone)
        roster()
        result.night("alpha", 1)
        result.at(1, 9)
        result.given(
            "review", "open", "--company", "alpha", "--out", str(folder / "one.csv"), "--name", "one"
        )
        decided = pd.read_csv(folder / "one.csv", dtype=str, keep_default_na=False)
        decided["decision"], decided["decided by"] = "keep", "kim@example.com"
        decided.to_csv(folder / "decided.csv", index=False)
        result.given("review", "import", str(folder / "decided.csv"))
        live_on(simulator.company, 1, clean=True)
        simulator.company.make_admin(granted.id)
        result.night("beta", 1)
        roster(people[3])
        result.night("alpha", 2)
        result.at(2, 9)
        states = [row for row in result.open() if row[0] == "alpha" and row[2] != "admin_granted"]
        result.finding = states[0][1]
        result.given("waive", result.finding, "--reason", "agreed", "--owner", "Kim", "--until", "2027-01-31")
        result.given(
            "review", "open", "--company", "alpha", "--out", str(folder / "two.csv"), "--name", "two"
        )
        live_on(simulator.company, 1, clean=True)
        simulator.company.remove_user(gone.id)
        result.night("alpha", 3)
        result.given("export", "--format", "csv")
        result.given("report", "--company", "alpha", "--company", "beta")
        yield result
