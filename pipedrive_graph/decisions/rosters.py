"""Provides the roster of each snapshot, and records changed rosters in the journal.

The roster file is replaced from time to time. Each version is stored beside the journal, and a journal entry
records since when it applies, so that `rebuild` uses the roster that was current at each snapshot.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass

import duckdb

from pipedrive_graph.config.company import Company
from pipedrive_graph.config.home import Home
from pipedrive_graph.config.roster import Roster, Row, read
from pipedrive_graph.decisions.journal import Journal
from pipedrive_graph.decisions.kept import damaged_files, read_kept, write_kept
from pipedrive_graph.decisions.replay import Decisions
from pipedrive_graph.warehouse import steps
from pipedrive_graph.warehouse.database import rows
from pipedrive_graph.warehouse.schema import POLICY
from pipedrive_graph.warehouse.sql_project import Models

KIND = "roster"
"""Kind of the journal entry that records which roster applies from then on."""


@dataclass(frozen=True, slots=True)
class Since:
    """A roster, and the snapshot after which it applies; None means no roster from then on."""

    snapshot_id: str
    roster: Roster | None


@dataclass(frozen=True, slots=True)
class Rosters:
    """The rosters by company, in the order in which they apply."""

    of: Mapping[str, list[Since]]

    def problems_of(self, company: str) -> list[str]:
        """Return a sentence for each unusable row of the company's latest roster."""
        sinces = self.of.get(company)
        roster = sinces[-1].roster if sinces else None
        return list(roster.problems) if roster else []

    def write(self, connection: duckdb.DuckDBPyConnection, models: Models) -> None:
        """Replace the rosters of the companies in landing.batch, and record which users they cover.

        A finding about a user is resolved only if the user is covered: by a usable row, or because the
        account can no longer sign in. Otherwise, as when the roster is removed, open findings stay.
        """
        connection.execute("DELETE FROM policy.roster WHERE company IN (SELECT company FROM landing.batch)")
        types = {column: type_ for column, type_ in POLICY["roster"].items() if column != "company"}
        lists = ", ".join(f"unnest(CAST(? AS {type_}[])) AS {column}" for column, type_ in types.items())
        for company, snapshot_id in rows(connection, "SELECT company, snapshot_id FROM landing.batch"):
            roster = self._at(company, snapshot_id)
            if roster:
                cells = [[getattr(row, column) for row in roster.rows] for column in types]
                connection.execute(
                    f"INSERT INTO policy.roster BY NAME SELECT ? AS company, {lists}", [company, *cells]
                )
        steps.insert(connection, models, "merge.roster_coverage")

    def _at(self, company: str, snapshot_id: str) -> Roster | None:
        earlier = [since.roster for since in self.of.get(company, []) if since.snapshot_id < snapshot_id]
        return earlier[-1] if earlier else None


def load(companies: Iterable[Company]) -> Rosters:
    """Read the current rosters of companies.

    Raises:
        ConfigurationError: if a roster cannot be used.
    """
    return Rosters({company.name: [Since("", _of(company))] for company in companies})


def keep(decisions: Decisions, home: Home, rosters: Rosters) -> None:
    """Record in the journals which roster applies to the next snapshots, if it changed.

    Raises:
        LandingError: if it cannot be written.
    """
    for company, sinces in rosters.of.items():
        roster = sinces[-1].roster
        digest = _keep(home, company, roster) if roster else None
        entries = Journal.of(home, company).lines(KIND)
        if digest != (entries[-1].content.get("sha256") if entries else None):
            decisions.decide(company, KIND, sha256=digest)


def recorded(home: Home, companies: Iterable[str]) -> Rosters:
    """Read from the journals which roster applied when; a lost roster is replaced by the one before it.

    Raises:
        LandingError: if a roster is missing or damaged, and the loss was not accepted.
    """
    return Rosters({company: _sinces(home, company) for company in companies})


def damaged(home: Home, company: str) -> Iterator[str]:
    """Yield the digests of the rosters that the journal names and that are missing or damaged.

    Raises:
        LandingError: if the journal is damaged, or this user may not read a file, which may be undamaged.
    """
    entries = Journal.of(home, company).lines(KIND)
    return damaged_files(entries, lambda entry: stored(home, company, entry.content.get("sha256")))


def _sinces(home: Home, company: str) -> list[Since]:
    journal = Journal.of(home, company)
    lost = journal.lost()
    return [
        Since(entry.snapshot_id or "", stored(home, company, entry.content.get("sha256")))
        for entry in journal.lines(KIND)
        if entry.content.get("sha256") not in lost
    ]


def _of(company: Company) -> Roster | None:
    return read(company.roster) if company.roster else None


def _name(company: str, digest: str) -> str:
    return f"{company}.rosters/{digest}.json.gz"


def _keep(home: Home, company: str, roster: Roster) -> str:
    content = json.dumps([asdict(row) for row in roster.rows], ensure_ascii=False).encode()
    digest = hashlib.sha256(content).hexdigest()
    write_kept(Journal.of(home, company).storage, _name(company, digest), content)
    return digest


def stored(home: Home, company: str, digest: str | None) -> Roster | None:
    """Read a stored roster; None means a company without a roster.

    Raises:
        LandingError: if it is missing or damaged.
    """
    if digest is None:
        return None
    content = read_kept(Journal.of(home, company).storage, _name(company, digest), digest)
    return Roster(tuple(Row(**row) for row in json.loads(content)))
