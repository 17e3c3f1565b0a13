"""Holds each company's roster ready for its snapshots, and keeps it in the journal when it has changed.

HR's file is replaced now and then. What it said is kept beside the journal, once for each different content,
and a line of the journal tells since when it counts: so `rebuild` judges every night by the roster of that
night.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass

import duckdb

from pipedrive_graph.config.company import Company
from pipedrive_graph.config.roster import Roster, Row, read
from pipedrive_graph.config.settings import Settings
from pipedrive_graph.decisions.journal import Journal
from pipedrive_graph.decisions.kept import damaged_files, read_kept, write_kept
from pipedrive_graph.decisions.replay import Decisions
from pipedrive_graph.warehouse.database import rows
from pipedrive_graph.warehouse.schema import POLICY

KIND = "roster"
"""Kind of the journal's line that tells which roster counts from then on."""


@dataclass(frozen=True, slots=True)
class Since:
    """A roster, and the snapshot after which it counts; None is a company that has none from then on."""

    snapshot_id: str
    roster: Roster | None


@dataclass(frozen=True, slots=True)
class Rosters:
    """The rosters of some companies, each company's in the order in which they came to count."""

    of: Mapping[str, list[Since]]

    def problems_of(self, company: str) -> list[str]:
        """A sentence for each row that is not used, of the company's roster that counts last."""
        sinces = self.of.get(company)
        roster = sinces[-1].roster if sinces else None
        return list(roster.problems) if roster else []

    def write(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Replace the rosters of the companies in landing.batch, and say of whom they are an answer.

        That a user is no longer found takes an answer: a row that can be used, or that nobody can sign in
        as this user any more. Without one, as when the roster is taken away, what was found stays.
        """
        tonight = "company IN (SELECT company FROM landing.batch)"
        connection.execute(f"DELETE FROM policy.roster WHERE {tonight}")
        types = {column: type_ for column, type_ in POLICY["roster"].items() if column != "company"}
        lists = ", ".join(f"unnest(CAST(? AS {type_}[])) AS {column}" for column, type_ in types.items())
        for company, snapshot_id in rows(connection, "SELECT company, snapshot_id FROM landing.batch"):
            roster = self._at(company, snapshot_id)
            if roster:
                cells = [[getattr(row, column) for row in roster.rows] for column in types]
                connection.execute(
                    f"INSERT INTO policy.roster BY NAME SELECT ? AS company, {lists}", [company, *cells]
                )
        # In which role somebody is expected has an answer of its own: rows that agree in the status may still
        # contradict each other in that, and then the one that is used names none.
        connection.execute(f"""
            INSERT INTO history.coverage BY NAME
            SELECT DISTINCT
                users.company, asked.endpoint, CAST(users.user_id AS VARCHAR) AS subject_id,
                'answered' AS outcome
            FROM history.users
            CROSS JOIN (VALUES ('roster/{{id}}'), ('roster/{{id}}/expectedRole')) AS asked(endpoint)
            LEFT JOIN history.user_addresses AS addresses
                ON addresses.company = users.company
                AND addresses.user_id = users.user_id
            LEFT JOIN policy.roster AS used
                ON used.company = users.company
                AND used.email = addresses.address
                AND used.problem IS NULL
            LEFT JOIN policy.roster AS repeated
                ON asked.endpoint = 'roster/{{id}}/expectedRole'
                AND repeated.company = used.company
                AND repeated.email = used.email
                AND repeated.expected_role IS NOT NULL
                AND used.expected_role IS NULL
            LEFT JOIN history.findings AS found
                ON found.company = users.company
                AND found.subject_kind = 'user'
                AND found.subject_id = CAST(users.user_id AS VARCHAR)
                AND found.status <> 'resolved'
            WHERE
                users.valid_to IS NULL
                AND users.{tonight}
                AND (
                    (used.email IS NOT NULL AND repeated.email IS NULL)
                    OR (found.finding_id IS NOT NULL AND (NOT users.active OR users.deleted))
                )""")

    def _at(self, company: str, snapshot_id: str) -> Roster | None:
        counting = [since.roster for since in self.of.get(company, []) if since.snapshot_id < snapshot_id]
        return counting[-1] if counting else None


def load(companies: Iterable[Company]) -> Rosters:
    """Read the rosters of companies as they lie there now.

    Raises:
        ConfigurationError: if one cannot be used, saying which and why.
    """
    return Rosters({company.name: [Since("", _of(company))] for company in companies})


def keep(decisions: Decisions, settings: Settings, rosters: Rosters) -> None:
    """Write into the journals which roster counts for the snapshots to come, where that has changed.

    Raises:
        LandingError: if it cannot be written.
    """
    for company, sinces in rosters.of.items():
        roster = sinces[-1].roster
        digest = _keep(settings, company, roster) if roster else None
        lines = Journal.of(settings, company).lines(KIND)
        if digest != (lines[-1].content.get("sha256") if lines else None):
            decisions.decide(company, KIND, sha256=digest)


def kept(settings: Settings, companies: Iterable[str]) -> Rosters:
    """Recall which roster counted when, from the journals; instead of one that is lost, the one before it.

    Raises:
        LandingError: if one is missing or is not as it was written, and nobody has accepted that.
    """
    return Rosters({company: _sinces(settings, company) for company in companies})


def damaged(settings: Settings, company: str) -> Iterator[str]:
    """The digests of the rosters that the journal names, and that are missing or not as they were written.

    Raises:
        LandingError: if the journal is not whole, or a file is closed to this user: it may be as it was.
    """
    lines = Journal.of(settings, company).lines(KIND)
    return damaged_files(lines, lambda line: recalled(settings, company, line.content.get("sha256")))


def _sinces(settings: Settings, company: str) -> list[Since]:
    journal = Journal.of(settings, company)
    lost = journal.lost()
    return [
        Since(line.snapshot_id or "", recalled(settings, company, line.content.get("sha256")))
        for line in journal.lines(KIND)
        if line.content.get("sha256") not in lost
    ]


def _of(company: Company) -> Roster | None:
    return read(company.roster) if company.roster else None


def _name(company: str, digest: str) -> str:
    return f"{company}.rosters/{digest}.json.gz"


def _keep(settings: Settings, company: str, roster: Roster) -> str:
    content = json.dumps([asdict(row) for row in roster.rows], ensure_ascii=False).encode()
    digest = hashlib.sha256(content).hexdigest()
    write_kept(Journal.of(settings, company).storage, _name(company, digest), content)
    return digest


def recalled(settings: Settings, company: str, digest: str | None) -> Roster | None:
    """Read a roster as it was kept; None is a company without one.

    Raises:
        LandingError: if it is missing or not as it was written.
    """
    if digest is None:
        return None
    content = read_kept(Journal.of(settings, company).storage, _name(company, digest), digest)
    return Roster(tuple(Row(**row) for row in json.loads(content)))
