"""A person that Pipedrive no longer lists is deleted: `forget --person`."""

from __future__ import annotations

import gzip
import json

import pytest
from published import query, tables

from pipedrive_graph.forget.scrub import GONE, scrubbed
from pipedrive_graph.forget.who import Person

from .homes import Home, contents, holding

JANE = Person(frozenset({16755999}), frozenset({"Jane Doe", "jane@example.com"}))


@pytest.mark.parametrize(
    ("value", "left"),
    [
        (
            {"data": [{"id": 16755999, "email": "x"}, {"id": 2, "email": "y"}]},
            {"data": [{"id": 2, "email": "y"}]},
        ),
        ({"data": {"user_id": "16755999", "role_id": 1}}, {"data": None}),
        ([{"user_id": 16755999.0}, {"user_id": 1}], [{"user_id": 1}]),
        ({"owner_id": 16755999, "role_id": 16755999}, {"owner_id": None, "role_id": 16755999}),
        ({"user_ids": [1, 16755999]}, {"user_ids": [1]}),
        ({"user": {"16755999": {"a": 1}, "7": {"a": 2}}}, {"user": {"7": {"a": 2}}}),
        ({"description": "led by JANE DOE since May"}, {"description": "led by [removed] since May"}),
        ({"updated_by": "16755999"}, {"updated_by": None}),
        ({"note": "user 16755999."}, {"note": "user [removed]."}),
        ({"note": "user 167559991"}, {"note": "user 167559991"}),
        ({"subject": "16755999", "rule": "dormant_user"}, GONE),
        (
            {"waivers": [{"subject": "jane@example.com"}, {"subject": "kim"}]},
            {"waivers": [{"subject": "kim"}]},
        ),
        (
            {"id": 2, "name": "North", "manager_id": 16755999, "users": [16755999, 3], "active_flag": 1},
            {"id": 2, "name": "North", "manager_id": None, "users": [3], "active_flag": 1},
        ),
        ({"flag": True, "count": 3, "name": None}, {"flag": True, "count": 3, "name": None}),
    ],
)
def test_the_rules_by_which_a_person_is_taken_out_of_json(value: object, left: object) -> None:
    assert scrubbed(value, JANE) == left


@pytest.mark.parametrize("key", ["person_default_visibility", "person_access_level"])
@pytest.mark.parametrize("user_id", [1, 3, 5, 7])
def test_the_setting_of_a_role_about_persons_is_not_an_id(key: str, user_id: int) -> None:
    answer = {"data": {"id": 2}, "additional_data": {"settings": {key: user_id}}}

    assert scrubbed(answer, Person(frozenset({user_id}), frozenset({"Jane Doe"}))) == answer


@pytest.mark.slow
def test_whom_pipedrive_still_lists_is_refused(played: Home) -> None:
    listed = next(user for user in played.simulator.company.users.values() if user.email)
    result = played.installation.command("forget", "--person", str(listed.email))
    newest = played.installation.landing("alpha").latest()
    assert newest is not None
    assert (result.code, result.sentence) == (
        2,
        f"'{listed.email}' is user {listed.id} of 'alpha', and Pipedrive still lists this user (snapshot"
        f" {newest.snapshot_id}; it also lists deactivated users): the next sync would collect them again."
        " Delete the user in Pipedrive, run sync, then try again.",
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--person", "Jane"), "--person must be an e-mail address, or the id of a user with --company."),
        (
            ("--person", "16755999"),
            "--person with an id needs --company NAME: an id is only unique in one company.",
        ),
    ],
)
def test_who_is_not_named_clearly(played: Home, arguments: tuple[str, ...], sentence: str) -> None:
    result = played.installation.command("forget", *arguments)
    assert (result.code, result.sentence) == (2, sentence)


@pytest.mark.slow
def test_nobody(played: Home) -> None:
    result = played.installation.command("forget", "--person", "nobody@example.com")
    assert (result.code, result.out, result.err) == (0, "", "There is nothing to delete.\n")


def traces(home: Home) -> list[str]:
    gone = home.gone
    return holding(home.path, str(gone.email), gone.name, json.dumps(gone.name)[1:-1], str(gone.id))


@pytest.mark.slow
def test_no_byte_of_a_person_is_left(home: Home) -> None:
    gone, address = home.gone, str(home.gone.email)
    # beta has not been read since: the person is still listed there
    refused = home.installation.command("forget", "--person", address)
    assert refused.code == 2
    assert "of 'beta', and Pipedrive still lists this user" in refused.sentence
    home.night("beta", 3)
    assert len(traces(home)) > 20
    open_before = [row for row in home.open() if row[3] != str(gone.id)]
    others = query(home.published, "SELECT * FROM users WHERE user_id <> ? ORDER BY ALL", gone.id)
    roster = home.path / "people.csv"
    line = roster.read_text().splitlines().index(f"{address},active") + 1

    before = contents(home.path)
    planned = home.installation.command("forget", "--person", address, "--json")
    assert contents(home.path) == before
    named = home.installation.command(
        "forget", "--person", address, "--reason", f"asked by {address}", "--yes"
    )
    assert named.sentence == "--reason names the person, but is kept for good: write it without the name."
    told = home.forget("--person", address)

    assert told.code == 4
    assert f"edit     file             people.csv: change line {line} yourself" in told.out
    assert len(planned.objects) == len(told.out.splitlines())
    assert traces(home) == ["people.csv"]
    roster.write_text("".join(text for text in roster.read_text().splitlines(True) if address not in text))
    assert home.faults() == []
    assert home.snapshots() == ["01", "02", "03"]
    assert home.open() == open_before
    assert query(home.published, "SELECT * FROM users ORDER BY ALL") == others
    # the reviews are there, without the person
    items = query(
        home.published,
        "SELECT reviews.name, count(*) FROM review_items JOIN reviews USING (company, review_id)"
        " GROUP BY ALL ORDER BY ALL",
    )
    assert [name for name, _ in items] == ["one", "two"]
    assert home.alert("alpha") == []
    home.rebuilds_the_same()
    again = home.installation.command("forget", "--person", address)
    assert (again.code, again.err) == (0, "There is nothing to delete.\n")
    home.night("alpha", 4)
    assert (home.receiver.bodies, home.faults(), traces(home)) == ([], [], [])


@pytest.mark.slow
def test_a_person_by_id_in_one_company(home: Home) -> None:
    before = tables(home.published)
    told = home.forget("--person", str(home.gone.id), "--company", "alpha")
    assert told.code in {0, 4}
    assert home.faults() == []
    after = tables(home.published)
    company = [row[0] for row in query(home.published, "SELECT DISTINCT company FROM users ORDER BY ALL")]
    assert company == ["alpha", "beta"]
    of_beta = [row for row in before["users"] if row[0] == "beta"]
    assert [row for row in after["users"] if row[0] == "beta"] == of_beta
    for path in (home.path / "landing" / "alpha").rglob("*.gz"):
        assert str(home.gone.id).encode() not in gzip.decompress(path.read_bytes())
