"""A company before its second night, the result of an undisturbed second night, and checks of others."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

from installation import CommandResult, Installation
from published import Row, differing, query, tables

from pipedrive_graph.pipedrive.http_types import Timeouts
from pipedrive_graph.pipedrive.ratelimit.retry import RetryPolicy
from pipedrive_graph.simulator.server import Options, Simulator

FIRST, SECOND = "2026-11-01T02:00:00Z", "2026-11-02T02:00:00Z"

HASTY = RetryPolicy(first=0.02, longest=0.1, silence=1.5, pauses=3)
SHORT = Timeouts(connect=0.9, read=0.6, total=1.2)


class Target(Protocol):
    """What befalls a company, befalls its simulator.

    Attributes:
        calm: a user of whom nothing has changed between the two nights.
    """

    simulator: Simulator
    calm: int


Plant = Callable[[Target], object]
"""Adds faults to a simulator, or changes its company."""

NOW = ("users", "roles", "role_tree", "permission_sets", "user_roles", "user_permission_sets", "findings")
"""Tables with the current state; the table of flags also has the time of each observation."""


@dataclass
class View:
    """The published data of one company, which is called `default` here whatever its name."""

    published: Path
    company: str = "default"
    _tables: dict[frozenset[str], dict[str, list[Row]]] = field(default_factory=dict)

    def tables(self, without: frozenset[str] = frozenset()) -> dict[str, list[Row]]:
        """All tables, without some columns. Rules replace finding ids, which depend on the company's name."""
        if without not in self._tables:
            findings = self._query(
                "SELECT finding_id, rule, subject_id, object FROM findings WHERE company = ?"
            )
            ids = {str(finding): f"{rest}" for finding, *rest in findings}
            shown = tables(self.published, clock=False, without=without, company=self.company)
            self._tables[without] = {
                name: sorted(tuple(self._called(text, ids) for text in row) for row in rows)
                for name, rows in shown.items()
            }
        return self._tables[without]

    def flags(self) -> list[Row]:
        """The permissions of all users."""
        return self._query(
            "SELECT user_id, permission, granted FROM user_permissions WHERE company = ? ORDER BY ALL"
        )

    def known(self) -> list[Row]:
        """The users who existed before the last night."""
        return self._query(
            "SELECT user_id FROM users JOIN current_snapshot USING (company) JOIN snapshots "
            "USING (company, snapshot_id) WHERE company = ? AND first_seen < started_at ORDER BY ALL"
        )

    def reason(self) -> str | None:
        """Why the last snapshot is partial."""
        [(reason,)] = self._query(
            "SELECT reason FROM snapshots WHERE company = ? ORDER BY started_at DESC LIMIT 1"
        )
        return reason

    def _query(self, text: str) -> list[Row]:
        return query(self.published, text, self.company)

    def _called(self, text: str, ids: dict[str, str]) -> str:
        text = re.sub("[0-9a-f]{16}", lambda known: ids.get(known[0], known[0]), text)
        return text.replace(self.company, "default")


@dataclass
class Stage:
    """A running simulator, and an installation that collected it once; the company has changed since."""

    simulator: Simulator
    before: Installation
    folder: Path
    calm: int = 0
    copies: int = 0

    @classmethod
    def of(cls, simulator: Simulator, folder: Path) -> Stage:
        stage = cls(simulator, Installation.of(folder / "before", simulator), folder)
        stage.before.variables["PIPEDRIVE_GRAPH_CLOCK"] = FIRST
        assert stage.before.night().verdict.status == "complete"
        stage.calm = change(simulator)
        return stage

    @cached_property
    def undisturbed(self) -> Installation:
        """An installation after an undisturbed second night, created on first use."""
        installation = self.copy()
        assert installation.night().verdict.status == "complete"
        return installation

    def check(self, ending: Ending, told: CommandResult, installation: Installation) -> None:
        """Check how `sync` ended in a copy."""
        assert "Traceback" not in told.out + told.err
        assert told.code == ending.code, told
        said = any(not line.startswith("Warning: ") for line in told.err.splitlines())
        (result,) = told.objects
        before, after = View(self.before.published), View(installation.published)
        undisturbed = View(self.undisturbed.published)
        ending.check(told.sentence if said else None, result, before, after, undisturbed)
        if ending.kept:
            assert installation.published.read_bytes() == self.before.published.read_bytes()

    def heals(self, installation: Installation) -> None:
        """Run a night after the faults, without faults."""
        assert installation.night().verdict.status == "complete"
        heals(View(installation.published), View(self.undisturbed.published))

    def copy(self) -> Installation:
        """A copy of the installation from before the second night."""
        self.copies += 1
        variables = {**self.before.variables, "PIPEDRIVE_GRAPH_CLOCK": SECOND}
        copy = Installation(self.folder / f"copy {self.copies}", variables)
        shutil.copytree(self.before.home, copy.home)
        return copy


def change(simulator: Simulator) -> int:
    """Change the company as in a day; return a user without changes."""
    company = simulator.company
    people = [u.id for u in company.users.values() if u.active and not u.admin_apps]
    company.grant(people[0], "can_export_data_from_lists")
    company.revoke(people[1], "can_add_products")
    company.move(people[2], sorted(company.roles)[1])
    company.remove_user(people[3])
    company.invite("new@example.com")
    return people[4]


def company(**options: Any) -> Simulator:
    """A small, fast company; paged lists have several pages."""
    now = datetime(2026, 11, 1, tzinfo=UTC)
    told = {"users": 20, "limit": 5000, "page_limit": 6, "now": now, **options}
    return Simulator(Options(**told))


SEEN = {"observed_at", "roles_observed_at", "permissions_observed_at"}
"""Columns with the time of the last observation, which a run without an observation cannot change."""


@dataclass(frozen=True)
class Ending:
    """The expected result of a second night.

    Attributes:
        code: the exit code.
        sentence: what stands on stderr, as a regular expression for all of it; None for nothing.
        kept: whether the published file stays as it was before.
        but: tables that may differ from those of an undisturbed night; None: whoever was known is still
            there, and nothing else is compared.
        unsure: columns that may differ in whatever table.
        odd: rows that hold one of these texts are left out of the comparison.
    """

    code: int = 0
    sentence: str | None = None
    kept: bool = False
    but: frozenset[str] | None = frozenset()
    unsure: frozenset[str] = frozenset()
    odd: tuple[str, ...] = ()

    def check(self, sentence: str | None, result: dict[str, Any], *views: View) -> None:
        """Compare the actual result with the expected one.

        Args:
            sentence: what stands on stderr about the company, warnings aside.
            result: the JSON object of the company.
            views: how the company was shown before the night, is now, and is after an undisturbed night.
        """
        before, after, undisturbed = views
        if self.sentence is None:
            assert sentence is None
        else:
            assert sentence is not None
            assert re.fullmatch(self.sentence, sentence), sentence
        assert result["exit_code"] == self.code
        if self.kept:
            assert after.tables() == before.tables()
            return
        assert result["status"] == ("partial" if self.code else "complete")
        self.compare(after, undisturbed)
        reason = after.reason()
        assert reason == result.get("reason")
        assert reason is None if self.code == 0 else sentence and sentence.endswith(reason)

    def compare(self, view: View, undisturbed: View) -> None:
        """Compare the tables with those after an undisturbed night, except allowed differences."""
        if self.but is None:
            assert view.known() == undisturbed.known()
            return
        left_out = frozenset(self.unsure | (SEEN if self.code else set()))
        after, expected = dict(view.tables(left_out)), dict(undisturbed.tables(left_out))
        may = self.but | ({"snapshots", "current_snapshot", "permission_sources"} if self.code else set())
        if self.code or self.odd or "findings" in self.but:
            may |= {"finding_counts", "rule_runs"}  # what they count is compared above, row by row
        for name in may:
            after.pop(name), expected.pop(name)
        after = {
            name: [row for row in rows if not any(text in column for text in self.odd for column in row)]
            for name, rows in after.items()
        }
        differences = differing(after, expected)
        assert not differences, "\n".join(
            f"{name}: {row}" for name, both in differences.items() for rows in both for row in rows
        )


def heals(after: View, undisturbed: View) -> None:
    """Check that a night after the faults gives the correct result."""
    tables, expected = dict(after.tables()), dict(undisturbed.tables())
    # what changed while it was read, and was found for one night, is over
    for rows in (tables, expected):
        rows["findings"] = [row for row in rows["findings"] if "resolved" not in row]
    assert differing({name: tables[name] for name in NOW}, {name: expected[name] for name in NOW}) == {}
    assert after.flags() == undisturbed.flags()
