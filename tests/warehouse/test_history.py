"""Nights on one company: what changes is in the history and in access_changes, and nothing else is."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from installation import Installation, build_company
from published import Row, changes, differing, query, tables

from pipedrive_graph.simulator import faults
from pipedrive_graph.simulator.model import User
from pipedrive_graph.simulator.server import Options, Simulator

pytestmark = pytest.mark.slow

EDITED = "can_print_money"
"""A flag that a permission set gets."""

HISTORY = ["users", "roles", "user_roles", "permission_sets", "user_permissions"]


@dataclass
class Story:
    """Seven nights: who was changed in the third, and what was published after each."""

    installation: Installation
    people: dict[str, User]
    nights: dict[str, dict[str, list[Row]]] = field(default_factory=dict)
    changes: dict[str, list[Row]] = field(default_factory=dict)

    def of(self, name: str, night: str = "changes") -> list[Row]:
        """What changed about somebody: kind, object's kind, object, before, after.

        Without what the edited set gives to all who have it.
        """
        return [
            (kind, *rest)
            for kind, subject_kind, subject, *rest in self.changes[night]
            if (subject_kind, subject) == ("user", str(self.people[name].id)) and EDITED not in rest
        ]


def ordinary(simulator: Simulator) -> list[User]:
    company = simulator.company
    return [
        user
        for user in company.users.values()
        if user.active
        and user.created
        and not user.admin_apps
        and "can_add_deals" in company.explained(user.id)
    ]


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory):
    """First night, one without changes, one with many, a partial, a rejected, and two normal ones."""
    with Simulator(Options(users=30, limit=2000, clean=True)) as simulator:
        company, fault = simulator.company, simulator.faults
        installation = Installation.of(tmp_path_factory.mktemp("history") / "home", simulator)
        roles = ["granted", "revoked", "moved", "gone", "left", "promoted", "unseen"]
        story = Story(installation, dict(zip(roles, ordinary(simulator), strict=False)))

        def night(name: str, status: str = "complete") -> None:
            assert installation.night().verdict.status == status
            story.nights[name] = tables(installation.published)
            story.changes[name] = changes(installation.published)

        night("first")
        night("nothing")
        people = story.people
        company.grant(people["granted"].id, "can_export_data_from_lists")
        company.revoke(people["revoked"].id, "can_add_deals")
        company.move(people["moved"].id, 1)
        company.remove_user(people["gone"].id)
        company.deactivate(people["left"].id)
        company.make_admin(people["promoted"].id, "sales")
        people["new"] = company.invite("new@example.com")
        company.edit_set(company.set_id("projects", "regular"), add=[EDITED])
        night("changes")
        company.revoke(people["unseen"].id, "can_add_deals")
        fault.add(f"users/{people['unseen'].id}/permissions", faults.not_found)
        night("partial", "partial")
        fault.add(r"users/\d+/permissions", faults.not_found, times=None)
        night("rejected", "rejected")
        fault.clear()
        night("seen again")
        night("quiet")
        yield story


def test_a_night_without_changes_adds_nothing(story: Story) -> None:
    before, after = story.nights["first"], story.nights["nothing"]
    for name in HISTORY:
        assert after[f"{name}_history"] == before[f"{name}_history"]
        assert {row[-1] for row in after[f"{name}_history"]} == {None}
    assert before["access_changes"] == after["access_changes"] == []


def test_a_permission_is_granted(story: Story) -> None:
    assert story.of("granted") == [("granted", "permission", "can_export_data_from_lists", "false", "true")]


def test_a_permission_is_revoked(story: Story) -> None:
    assert story.of("revoked") == [("revoked", "permission", "can_add_deals", "true", "false")]


def test_a_user_moves_to_another_role(story: Story) -> None:
    old = next(
        str(role)
        for _, user, role, *_ in story.nights["first"]["user_roles"]
        if user == story.people["moved"].id
    )
    assert story.of("moved") == [
        ("changed", "attribute", "role_id", old, "1"),
        ("granted", "role", "1", "false", "true"),
        ("revoked", "role", old, "true", "false"),
    ]


def test_a_user_is_deactivated(story: Story) -> None:
    assert story.of("left") == [("changed", "attribute", "active", "true", "false")]


def test_a_user_is_gone_with_all_they_had(story: Story) -> None:
    gone, before, after = story.people["gone"].id, story.nights["first"], story.nights["changes"]
    held = sorted(row[2] for row in before["user_permissions"] if row[1] == gone and row[3])
    sets = sorted(row[3] for row in before["user_permission_sets"] if row[1] == gone)
    (role,) = (row[2] for row in before["user_roles"] if row[1] == gone)

    assert story.of("gone") == [
        ("removed", None, None, None, None),
        *[("revoked", "permission", flag, "true", "false") for flag in held],
        *[("revoked", "permission_set", entry, "true", "false") for entry in sets],
        ("revoked", "role", str(role), "true", "false"),
    ]
    for name in ("users", "user_roles", "user_permissions", "user_permission_sets", "user_role_permissions"):
        assert [row for row in before[name] if gone in row]
        assert not [row for row in after[name] if gone in row], name


def test_a_user_is_new(story: Story) -> None:
    new = story.people["new"]
    granted = [row for row in story.nights["changes"]["user_permissions"] if row[1] == new.id and row[3]]
    assert story.of("new") == [
        ("added", None, None, None, None),
        *[("granted", "permission", row[2], "false", "true") for row in granted],
        ("granted", "permission_set", new.access[0].permission_set_id, "false", "true"),
        ("granted", "role", "1", "false", "true"),
    ]


def test_a_user_becomes_admin(story: Story) -> None:
    kinds = {row[:3] for row in story.of("promoted") if row[1] in {"admin", "attribute"}}
    assert kinds == {("granted", "admin", "sales")}
    assert ("granted", "permission", "can_delete_deals", "false", "true") in story.of("promoted")


def test_a_permission_set_is_edited(story: Story) -> None:
    edited = [row for row in story.changes["changes"] if row[1] == "permission_set"]
    ((kind, _, _, object_kind, what, before, after),) = edited
    assert (kind, object_kind, what) == ("changed", "attribute", "contents")
    assert EDITED not in before
    assert EDITED in after
    reached = {row[2] for row in story.changes["changes"] if row[4] == EDITED}
    having = {
        str(row[1]) for row in story.nights["changes"]["user_permissions"] if row[2] == EDITED and row[3]
    }
    assert reached == having != set()


def test_nothing_else_changed(story: Story) -> None:
    told = {str(user.id) for user in story.people.values()}
    others = [row for row in story.changes["changes"] if row[1] == "user" and row[2] not in told]
    assert {row[4] for row in others} == {EDITED}
    assert {row[1] for row in story.changes["changes"]} == {"user", "permission_set"}


def test_a_partial_night_carries_what_it_did_not_see(story: Story) -> None:
    before, after = story.nights["changes"], story.nights["partial"]
    unseen = story.people["unseen"].id
    assert story.changes["partial"] == []
    for name in HISTORY:
        assert after[f"{name}_history"] == before[f"{name}_history"]

    def flags(tables: dict[str, list[Row]]) -> list[Row]:
        return [row for row in tables["user_permissions"] if row[1] == unseen]

    assert flags(after) == flags(before) != []


def test_a_rejected_night_changes_nothing_that_is_published(story: Story) -> None:
    assert story.nights["rejected"] == story.nights["partial"]


def test_what_was_not_seen_for_two_nights_is_a_change_when_it_is_seen(story: Story) -> None:
    assert story.changes["seen again"] == [
        ("revoked", "user", str(story.people["unseen"].id), "permission", "can_add_deals", "true", "false")
    ]


def test_all_nights_are_listed(story: Story) -> None:
    listed = query(story.installation.published, "SELECT position, status FROM snapshots ORDER BY position")
    assert [status for _, status in listed] == [
        "complete", "complete", "complete", "partial", "rejected", "complete", "complete",
    ]  # fmt: skip
    assert [position for position, _ in listed] == list(range(7))


def test_rebuilding_gives_the_same_rows(story: Story) -> None:
    result = story.installation.command("rebuild")

    assert (result.code, result.err) == (0, "")
    assert differing(tables(story.installation.published), story.nights["quiet"]) == {}


def test_building_again_takes_nothing_twice(story: Story) -> None:
    from installation import MODELS

    from pipedrive_graph.builder import build

    built = build_company(story.installation.settings, MODELS, "default")

    assert built.snapshots == []
    build.publish(story.installation.settings, MODELS, on_wait=print)
    assert differing(tables(story.installation.published), story.nights["quiet"]) == {}
