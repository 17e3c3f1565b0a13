"""A company before its second night, what an undisturbed second night gives, and how others end."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

from installation import Installation, Told
from published import differing, query, tables

from pipedrive_graph.pipedrive.exchange import Timeouts
from pipedrive_graph.pipedrive.retries import Patience
from pipedrive_graph.simulator.server import Options, Simulator

FIRST, SECOND = "2026-11-01T02:00:00Z", "2026-11-02T02:00:00Z"

HASTY = Patience(first=0.02, longest=0.1, silence=1.5, pauses=3)
SHORT = Timeouts(connect=0.9, read=0.6, total=1.2)

Plant = Callable[["Stage"], object]
"""What goes wrong: plants faults in the stage's simulator, or changes its company."""

NOW = ("users", "roles", "role_tree", "permission_sets", "user_roles", "user_permission_sets", "findings")
"""Tables that say how things are; that of the flags has the time of each observation beside."""

FLAGS = "SELECT company, user_id, permission, granted FROM user_permissions ORDER BY ALL"


@dataclass
class Stage:
    """A running simulator, and an installation that has read it once; the company has changed since."""

    simulator: Simulator
    before: Installation
    folder: Path
    calm: int = 0
    """A user of whom nothing has changed between the two nights."""
    copies: int = 0

    @classmethod
    def of(cls, simulator: Simulator, folder: Path) -> Stage:
        stage = cls(simulator, Installation.of(folder / "before", simulator), folder)
        stage.before.variables["PIPEDRIVE_GRAPH_CLOCK"] = FIRST
        assert stage.before.night().verdict.status == "complete"
        stage.calm = stage.change()
        return stage

    def change(self) -> int:
        """Let happen in the company what happens in a day; return a user whom it does not concern."""
        company = self.simulator.company
        people = [u.id for u in company.users.values() if u.active and not u.admin_apps]
        company.grant(people[0], "can_export_data_from_lists")
        company.revoke(people[1], "can_add_products")
        company.move(people[2], sorted(company.roles)[1])
        company.remove_user(people[3])
        company.invite("new@example.com")
        return people[4]

    @cached_property
    def undisturbed(self) -> Installation:
        """An installation after an undisturbed second night, of the company as it is when first asked for."""
        installation = self.copy()
        assert installation.night().verdict.status == "complete"
        return installation

    def copy(self) -> Installation:
        """An installation as it was before the second night."""
        self.copies += 1
        variables = {**self.before.variables, "PIPEDRIVE_GRAPH_CLOCK": SECOND}
        copy = Installation(self.folder / f"copy {self.copies}", variables)
        shutil.copytree(self.before.home, copy.home)
        return copy


def company(**options: Any) -> Simulator:
    """A small company, quickly served, whose lists have several pages where they are paged."""
    now = datetime(2026, 11, 1, tzinfo=UTC)
    told = {"users": 20, "limit": 5000, "page_limit": 6, "now": now, **options}
    return Simulator(Options(**told))


SEEN = {"observed_at", "roles_observed_at", "permissions_observed_at"}
"""Columns that tell when something was last seen, which a night that did not see it cannot change."""


@dataclass(frozen=True)
class Ending:
    """How a second night ends.

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

    def check(self, told: Told, stage: Stage, installation: Installation) -> None:
        """Compare what came with what should."""
        assert "Traceback" not in told.out + told.err
        assert told.code == self.code, told
        said = [line for line in told.err.splitlines() if not line.startswith("Warning: ")]
        if self.sentence is None:
            assert said == []
        else:
            assert re.fullmatch(self.sentence, told.sentence), told.sentence
        (result,) = told.objects
        if self.kept:
            assert installation.published.read_bytes() == stage.before.published.read_bytes()
            return
        assert result["status"] == ("partial" if self.code else "complete")
        self.compare(stage, installation)
        ((reason,),) = query(
            installation.published, "SELECT reason FROM snapshots ORDER BY started_at DESC LIMIT 1"
        )
        assert reason == result.get("reason")
        assert reason is None if self.code == 0 else told.sentence.endswith(reason)

    def compare(self, stage: Stage, installation: Installation) -> None:
        """Find the tables as they are after an undisturbed night, but for what may differ."""
        if self.but is None:
            known = "SELECT user_id FROM users WHERE first_seen < (SELECT max(started_at) FROM snapshots)"
            assert query(installation.published, f"{known} ORDER BY 1") == query(
                stage.undisturbed.published, f"{known} ORDER BY 1"
            )
            return
        left_out = self.unsure | (SEEN if self.code else set())
        after = tables(installation.published, clock=False, without=left_out)
        expected = tables(stage.undisturbed.published, clock=False, without=left_out)
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


def heals(stage: Stage, installation: Installation) -> None:
    """A night after the faults sees everything as it is."""
    manifest = installation.night()
    assert manifest.verdict.status == "complete"
    after = tables(installation.published, clock=False)
    expected = tables(stage.undisturbed.published, clock=False)
    # what changed while it was read, and was found for one night, is over
    for told in (after, expected):
        told["findings"] = [row for row in told["findings"] if "resolved" not in row]
    assert differing({name: after[name] for name in NOW}, {name: expected[name] for name in NOW}) == {}
    assert query(installation.published, FLAGS) == query(stage.undisturbed.published, FLAGS)
