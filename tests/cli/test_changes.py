"""`pipedrive-graph changes`: what it says of a night on which much changed."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pytest
from installation import UNJUDGED, CommandResult, Installation

from pipedrive_graph.simulator import faults
from pipedrive_graph.simulator.model import User
from pipedrive_graph.simulator.server import Options, Simulator

ESCAPE = "\x1b[31m"


@dataclass
class Story:
    """Three nights on one company, of which the second changed much and the third nothing."""

    installation: Installation
    people: dict[str, User]

    def changes(self, *options: str, since: str = "2026-11-01") -> CommandResult:
        return self.installation.command("changes", "--since", since, *options)

    def objects(self, *options: str) -> list[dict[str, Any]]:
        told = self.changes(*options, "--json")
        assert (told.code, told.err) == (0, "")
        return told.objects

    def of(self, name: str) -> list[str]:
        """What is said of somebody, without the name."""
        told = self.changes("--subject", str(self.people[name].id))
        assert told.code == 0
        [_, first, *rest] = [line.strip() for line in told.out.split("\n\n")[0].splitlines()]
        label = re.escape(self.people[name].name) + r"( \(\S+\))?"
        return [text for text in [re.sub(label, "", first).strip(), *rest] if text]


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    with Simulator(Options(users=40, limit=4000, clean=True)) as simulator:
        company = simulator.company
        installation = Installation.of(tmp_path_factory.mktemp("changes") / "home", simulator, UNJUDGED)
        installation.variables["PIPEDRIVE_GRAPH_CLOCK"] = "2026-11-20T02:00:00+00:00"
        installation.night()

        free = [
            user
            for user in company.users.values()
            if user.active and user.created and not user.admin_apps and user.id != company.owner_id
        ]
        names = ["granted", "moved", "gone", "left", "promoted", "renamed", "given"]
        people = dict(zip(names, free, strict=False))
        company.grant(people["granted"].id, "can_export_data_from_lists")
        company.grant(people["granted"].id, "can_use_api")
        company.move(people["moved"].id, 1)
        company.remove_user(people["gone"].id)
        company.deactivate(people["left"].id)
        company.make_admin(people["promoted"].id, "sales")
        people["renamed"].name = f"Eve {ESCAPE}\nSmith"
        company.edit_set(
            company.set_id("sales", "regular"), add=["can_print_money"], remove=["can_add_deals"]
        )
        role = next(entry for entry in company.roles.values() if (entry.parent_role_id or 1) != 1)
        role.name, role.parent_role_id = "Sales EMEA", 1
        company.roles[1].name = "Above [all]"
        simulator.faults.add(f"users/{people['granted'].id}/roleAssignments", faults.not_found)
        installation.variables["PIPEDRIVE_GRAPH_CLOCK"] = "2026-11-21T02:00:00+00:00"
        installation.night()
        installation.variables["PIPEDRIVE_GRAPH_CLOCK"] = "2026-11-22T02:00:00+00:00"
        installation.night()
        yield Story(installation, people)


def test_it_is_told_by_night_and_subject_with_names(story: Story) -> None:
    told = story.changes()
    assert (told.code, told.err) == (0, "")
    head, *lines = told.out.splitlines()
    assert re.fullmatch(r"2026-11-21 02:\d\d UTC  default  snapshot 20261121T02\d{4}-\d+  partial", head)
    assert re.search(r"^  Role Sales EMEA:$", told.out, re.MULTILINE)
    assert re.search(r"^    parent changed from .+ to Above \[all\]$", told.out, re.MULTILINE)
    person = story.people["granted"]
    label = re.escape(f"{person.name} ({person.email})")
    assert re.search(
        rf"^  {label} was granted can_export_data_from_lists, can_use_api$", told.out, re.MULTILINE
    )
    assert re.fullmatch(r"\d+ changes in 1 snapshot\.", lines[-1])


def test_each_kind_has_its_sentence(story: Story) -> None:
    assert story.of("left")[0] == "was deactivated"
    assert story.of("gone")[0] == "is gone"
    assert story.of("gone")[1].startswith("is no longer assigned to the role ")
    assert "became an admin of sales" in story.of("promoted")
    assert any(
        re.fullmatch(r"moved from the role .+ to the role Above \[all\]", s) for s in story.of("moved")
    )
    assert any(re.fullmatch(r"listed role changed from .+ to Above \[all\]", s) for s in story.of("moved"))


def test_edit_of_a_set_is_told_once(story: Story) -> None:
    told = story.changes()

    assert re.search(
        r"^    now grants can_print_money, and no longer grants can_add_deals$", told.out, re.MULTILINE
    )
    assert re.search(r"^    by its edit, \d+ users were granted can_print_money$", told.out, re.MULTILINE)
    assert re.search(r"^    by its edit, \d+ users no longer hold can_add_deals$", told.out, re.MULTILINE)
    rows = story.objects()
    reached = {row["subject_label"] for row in rows if row["edited_set"]}
    others = {row["subject_label"] for row in rows if not row["edited_set"]}
    assert len(reached - others) > 3
    assert [label for label in reached - others if label in told.out] == []


def test_edit_of_a_set_is_told_of_who_is_asked_for(story: Story) -> None:
    someone = next(row for row in story.objects() if row["object"] == "can_print_money")
    told = story.changes("--subject", someone["subject_id"], "--kind", "granted")

    assert someone["edited_set"]
    assert f"was granted can_print_money, by the edit of the set {someone['edited_set_label']}" in " ".join(
        told.out.split()
    )


def test_no_name_reaches_the_terminal_as_a_command(story: Story) -> None:
    told = story.changes("--subject", str(story.people["renamed"].id))

    assert "\x1b" not in told.out
    assert "Eve \N{REPLACEMENT CHARACTER}[31m\N{REPLACEMENT CHARACTER}Smith" in told.out


def test_json_has_the_columns_and_the_labels(story: Story) -> None:
    rows = story.objects()
    with duckdb.connect(str(story.installation.published), read_only=True) as connection:
        columns = [row[0] for row in connection.execute("DESCRIBE access_changes").fetchall()]
        (count,) = connection.execute("SELECT count(*) FROM access_changes").fetchall()[0]

    labels = ["subject_label", "object_label", "before_label", "after_label", "edited_set_label"]
    assert {tuple(row) for row in rows} == {(*columns, *labels)}
    assert len(rows) == count
    person = story.people["granted"]
    (row,) = [row for row in rows if (row["subject_id"], row["object"]) == (str(person.id), "can_use_api")]
    assert re.fullmatch(r"2026-11-21T02:\d\d:\d\d\.\d+Z", row["changed_at"])
    assert row.pop("at") == row.pop("changed_at")
    assert row.pop("snapshot_id").startswith("20261121T02")
    assert row == {
        "company": "default",
        "kind": "granted",
        "subject_kind": "user",
        "subject_id": str(person.id),
        "object_kind": "permission",
        "object": "can_use_api",
        "before": "false",
        "after": "true",
        "edited_set": None,
        "subject_label": f"{person.name} ({person.email})",
        "object_label": None,
        "before_label": None,
        "after_label": None,
        "edited_set_label": None,
    }  # fmt: skip
    (moved,) = [row for row in rows if row["object"] == "parent_role_id"]
    assert (moved["subject_label"], moved["after"], moved["after_label"]) == (
        "Sales EMEA",
        "1",
        "Above [all]",
    )
    (gone,) = [row for row in rows if row["kind"] == "removed"]
    assert gone["subject_label"] == f"{story.people['gone'].name} ({story.people['gone'].email})"


def test_what_is_asked_for(story: Story) -> None:
    granted = story.people["granted"]
    for subject in (str(granted.id), granted.email, granted.email.upper()):
        assert {row["object"] for row in story.objects("--subject", subject)} == {
            "can_export_data_from_lists",
            "can_use_api",
        }
    assert {row["kind"] for row in story.objects("--kind", "removed", "--kind", "revoked")} == {
        "removed",
        "revoked",
    }
    everything = story.objects()
    assert story.objects("--company", "default") == everything
    assert story.objects("--until", "2026-11-21") == everything
    assert story.installation.command("changes", "--since", "2026-11-21", "--json").objects == everything


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--since", "2026-11-22"], "No changes since 2026-11-22."),
        (["--since", "2026-11-01", "--until", "2026-11-20"], "No changes since 2026-11-01 to 2026-11-20."),
        (
            ["--since", "2026-11-01", "--kind", "correction", "--subject", "1"],
            "No changes of the kind correction about 1 since 2026-11-01.",
        ),
    ],
)
def test_no_changes_are_a_sentence(story: Story, options: list[str], sentence: str) -> None:
    result = story.installation.command("changes", *options)
    assert (result.code, result.out.strip(), result.err) == (0, sentence, "")

    result = story.installation.command("changes", *options, "--json")
    assert (result.code, result.out, result.sentence) == (0, "", sentence)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--since", "yesterday"], "--since 'yesterday' is not a day; write it as 2026-11-01."),
        (["--since", "2026-02-30"], "--since '2026-02-30' is not a day; write it as 2026-11-01."),
        (
            ["--since", "2026-11-01", "--until", "11/2026"],
            "--until '11/2026' is not a day; write it as 2026-11-01.",
        ),
        (
            ["--since", "2026-11-02", "--until", "2026-11-01"],
            "--until 2026-11-01 is before --since 2026-11-02.",
        ),
        (
            ["--since", "2026-11-01", "--company", "acme"],
            "There is no company 'acme' in the published file; there are: default.",
        ),
        (
            ["--since", "2026-11-01", "--subject", "nobody@example.com"],
            "No user has the e-mail address 'nobody@example.com',"
            " and no user, role or permission set has that id.",
        ),
    ],
)
def test_wrong_use_is_a_sentence(story: Story, options: list[str], sentence: str) -> None:
    for more in ([], ["--json"]):
        result = story.installation.command("changes", *options, *more)
        assert (result.code, result.out, result.sentence) == (2, "", sentence)


@pytest.mark.parametrize("options", [[], ["--since", "2026-11-01", "--kind", "renamed"]])
def test_wrong_options_are_usage_errors(story: Story, options: list[str]) -> None:
    assert story.installation.command("changes", *options).code == 2


def test_nothing_published_is_a_sentence(tmp_path: Path) -> None:
    result = Installation(tmp_path).command("changes", "--since", "2026-11-01")

    assert result.code == 1
    assert (
        result.sentence
        == f"Nothing is published at {tmp_path / 'identity_graph.duckdb'} yet; run sync first."
    )


@pytest.mark.slow
def test_one_snapshot_has_no_changes(installation: Installation) -> None:
    installation.night()
    result = installation.command("changes", "--since", "2026-01-01")

    assert (result.code, result.err) == (0, "")
    assert result.out == "There is only one snapshot so far: the next one can show changes.\n"


def test_file_of_another_version_is_a_sentence(tmp_path: Path) -> None:
    with duckdb.connect(str(tmp_path / "identity_graph.duckdb")) as connection:
        connection.execute("CREATE TABLE current_snapshot (company VARCHAR)")
    result = Installation(tmp_path).command("changes", "--since", "2026-11-01", "--json")

    assert result.code == 1
    assert "was published by another version of pipedrive-graph; run sync first." in result.sentence
    assert json.dumps(result.out) == '""'
