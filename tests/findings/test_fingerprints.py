"""Fingerprints of rules: rewording a rule changes none of its findings; earlier ones are taken over."""

from __future__ import annotations

import hashlib
import shutil
from dataclasses import replace
from pathlib import Path

import duckdb
import pytest
from installation import Installation
from published import query
from rule_file import about_users, rule_file

from pipedrive_graph.common.resources import sql_folder
from pipedrive_graph.findings import custom_rules
from pipedrive_graph.findings.fingerprints import EARLIER
from pipedrive_graph.simulator.server import Options, Simulator
from pipedrive_graph.warehouse.parsed import ParsedQueries
from pipedrive_graph.warehouse.sql_project import Models

RULE = rule_file(
    about_users(
        "users\nWHERE live AND length(email) > 20",
        title="'Long address'",
        evidence="{'length': length(email)}",
    ),
    comment="One row per live user whose address is long.",
    kind="rule",
    title="Long address",
)

REWORDED = """\
-- One row per active user with an e-mail address that does not fit on a badge.
-- It is about the printer of the second floor.
--
-- kind: rule
-- title: The address is too long
-- severity: info
-- meaning: The printer of the badges cuts the address.
-- remedy: Ask for a shorter address.
-- reference: none
-- needs: users
-- identity: subject

-- the columns of every rule
select company, 'user' as subject_kind, cast(user_id as varchar) as subject_id,
    cast(null as varchar) as object, 'info' as severity,
    'Long address' as title, /* the evidence */ to_json({'length': length(email)}) as evidence
from users
where live and length(email) > 20  -- characters
"""

STATES = """
    SELECT rule, subject_id, finding_id, first_seen, status, resolved_reason
    FROM findings
    WHERE rule IN ('long_address', 'own_address')
    ORDER BY ALL"""


@pytest.mark.parametrize(
    ("other", "same"),
    [
        ("select  a,\n\tb\nFROM t", True),
        ("SELECT a, /* not c */ b FROM t -- of all", True),
        ("SELECT a, b FROM u", False),
        ("SELECT a, 'b' FROM t", False),
        ('SELECT a, "b" FROM t', False),
        ("SELECT a, b FROM t WHERE c = 1", False),
    ],
)
def test_the_digest_of_a_query_is_that_of_its_words(other: str, same: bool) -> None:
    first = ParsedQueries().parse("SELECT a, b FROM t", place="a.sql", line=1)
    second = ParsedQueries().parse(other, place="b.sql", line=9)
    assert (first.sha256 == second.sha256) is same


def test_what_is_quoted_counts_as_it_is_written() -> None:
    texts = ("'a b'", "'a  b'", "'A b'", "'--'", "$$a b$$", "$$A b$$", '"a b"', '"A b"')
    parsed = [ParsedQueries().parse(f"SELECT {text} AS x", place="a.sql", line=1) for text in texts]
    assert len({one.sha256 for one in parsed}) == len(texts)


@pytest.fixture
def office(tmp_path: Path):
    """An installation with a rule among the shipped ones, and the same as a custom rule."""
    folder = tmp_path / "sql"
    shutil.copytree(sql_folder(), folder)
    shipped = {rule.name for rule in Models(sql_folder()).of("rules")}
    with Simulator(Options(users=12, limit=2000, clean=True)) as simulator:
        installation = Installation.of(tmp_path / "home", simulator)
        custom = installation.home / "rules"
        custom.mkdir(parents=True)

        def night(text: str) -> None:
            (folder / "findings" / "long_address.sql").write_text(text)
            (custom / "own_address.sql").write_text(text)
            models = custom_rules.added(Models(folder), custom).without([f"rules.{name}" for name in shipped])
            replace(installation, models=models).night()

        yield installation, simulator.company, night


@pytest.mark.slow
def test_a_rule_that_is_reworded_and_formatted_keeps_its_findings(office) -> None:
    installation, company, night = office
    night(RULE)
    before = query(installation.published, STATES)
    assert {row[4:] for row in before} == {("open", None)}
    fixed = next(user for user in company.users.values() if str(user.id) == before[0][1])
    fixed.email = "a@b.example"

    night(REWORDED)

    assert query(installation.published, STATES) == [
        (*row[:4], *(("resolved", "fixed") if row[1] == str(fixed.id) else ("open", None))) for row in before
    ]
    assert {row[0] for row in before} == {"long_address", "own_address"}
    assert len(before) >= 4


@pytest.mark.slow
def test_fingerprints_of_whole_files_are_taken_over(office) -> None:
    """An earlier release kept these; one that fits no file it had is of a rule that has changed since."""
    installation, company, night = office
    night(RULE)
    before = query(installation.published, STATES)
    earlier = hashlib.sha256(hashlib.sha256(RULE.encode()).hexdigest().encode()).hexdigest()
    with duckdb.connect(str(installation.home / "warehouse.duckdb")) as connection:
        connection.execute("UPDATE history.findings SET rule_sha256 = ?", [earlier])
        connection.execute("UPDATE history.findings SET rule_sha256 = 'other' WHERE rule = 'own_address'")
    fixed = next(user for user in company.users.values() if str(user.id) == before[0][1])
    fixed.email = "a@b.example"

    night(RULE)

    reasons = {"long_address": "fixed", "own_address": "rule changed"}
    assert [row for row in query(installation.published, STATES) if row[4] == "resolved"] == [
        (*row[:4], "resolved", reasons[row[0]]) for row in before if row[1] == str(fixed.id)
    ]


def test_the_files_of_shipped_rules_that_earlier_releases_had_are_known() -> None:
    import json

    known = json.loads((sql_folder() / EARLIER).read_text())
    assert known.keys() >= {"dormant_user", "admin_granted", "toxic_combination"}
    assert all(len(digest) == 64 for files in known.values() for pair in files.items() for digest in pair)
