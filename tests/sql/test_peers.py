"""permission_outlier and peer_groups, from literal rows to the finding."""

from __future__ import annotations

import json
import random

import duckdb
import pytest

from pipedrive_graph.peers.tables import write_comparisons

from .literal import MODELS, Company

SELLER = ("can_add_deals", "can_add_people", "can_share_filters")
READS = ("role_tree", "roles", "user_permissions", "user_roles", "users")
BUYER = ("can_add_products", "can_edit_products", "can_merge_people")


class Compared:
    """A company whose users are compared with their peers before it is looked at."""

    def __init__(self, company: Company) -> None:
        self.company = company
        company.role(2, "Sales")
        company.role(3, "Buying")

    def people(
        self, first: int, number: int, *permissions: str, role: int | None = 2, **user: object
    ) -> None:
        """Add users who hold the same, numbered from `first`."""
        for user_id in range(first, first + number):
            self.company.user(user_id, f"User{user_id}", **user)
            if role:
                self.company.assign(user_id, role)
            self.company.flags(user_id, **dict.fromkeys(permissions, True))

    def _fill(self) -> None:
        with self.company.built(*READS) as connection:
            connection.execute("CREATE SCHEMA IF NOT EXISTS landing")
            connection.execute("CREATE TABLE IF NOT EXISTS landing.batch AS SELECT 'acme' AS company")
            write_comparisons(connection, MODELS)

    def fired(self) -> list[tuple[str, str | None]]:
        self._fill()
        return self.company.fired("permission_outlier")

    def group(self, user_id: int, columns: str = "reason") -> tuple[object, ...]:
        self._fill()
        [row] = self.company.rows(f"SELECT {columns} FROM peer_groups WHERE user_id = ?", user_id)  # noqa: S608
        return row


@pytest.fixture
def acme(company: Company) -> Compared:
    """Twelve sellers and eight buyers."""
    compared = Compared(company)
    compared.people(10, 12, *SELLER)
    compared.people(30, 8, *BUYER, role=3)
    return compared


def test_a_permission_that_no_peer_holds(acme: Compared) -> None:
    acme.people(1, 1, *SELLER, "can_edit_products")

    assert acme.fired() == [("1", "can_edit_products")]


def test_what_a_few_of_the_team_hold_is_not_strange(acme: Compared) -> None:
    acme.people(1, 3, *SELLER, "can_edit_products")

    assert acme.fired() == []


def test_the_threshold_is_what_findings_toml_says(acme: Compared) -> None:
    acme.people(1, 1, *SELLER, "can_edit_products")
    acme.fired()
    [(score,)] = acme.company.table("peer_comparisons", "trunc(score, 3)")

    acme.company.policy(thresholds=[("outlier_score", score)])
    assert acme.company.fired("permission_outlier") == [("1", "can_edit_products")]
    acme.company.policy(thresholds=[("outlier_score", score + 0.01)])
    assert acme.company.fired("permission_outlier") == []


def test_evidence(acme: Compared) -> None:
    acme.company.permission_set("extra", ["can_edit_products", "can_merge_people"])
    access = [{"app": "sales", "admin": False, "permission_set_id": "extra"}]
    acme.people(1, 1, *SELLER, "can_merge_people", access=access)
    acme.fired()

    [(severity, title, evidence)] = acme.company.table(
        "rules.permission_outlier", "severity, title, evidence"
    )

    assert severity == "high"  # it is sensitive
    assert title == "User1 (user1@example.com) holds can_merge_people, which none of 12 peers holds."
    told = json.loads(evidence)
    assert told.pop("score") == pytest.approx(5, abs=2)
    nearest = told.pop("nearest_peers")
    assert told == {
        "user": "User1 (user1@example.com)",
        "role": "Sales",
        "last_login": "2026-11-20 02:00:00",
        "login_known": True,
        "permission": "can_merge_people",
        "sensitive": True,
        "since": "2026-11-20 02:00:00",
        "observed_at": "2026-11-20 02:00:00",
        "granted_by": [{"app": "sales", "set": "Extra", "permission_set_id": "extra"}],
        "peers": 12,
        "peers_of_the_role": 12,
        "peers_who_hold_it": 0,
        "peers_from": "role",
        "threshold_score": 0.5,
    }
    assert len(nearest) == 10
    assert nearest[0] == {"user": "User10 (user10@example.com)", "role": "Sales", "holds_it": False}


def test_medium_for_a_permission_that_is_not_sensitive(acme: Compared) -> None:
    acme.people(1, 1, *SELLER, "can_edit_products")
    acme.fired()

    assert acme.company.table("rules.permission_outlier", "severity") == [("medium",)]


def test_what_is_not_known_never_fires_and_is_no_evidence(acme: Compared) -> None:
    acme.people(1, 1, *SELLER)
    acme.company.flags(1, can_edit_products=None)
    assert acme.fired() == []

    acme.people(2, 1, *SELLER, "can_add_products")
    assert acme.fired() == [("2", "can_add_products")]
    for user_id in range(10, 16):
        acme.company.flags(user_id, can_add_products=None)
    assert acme.fired() == []


def test_what_is_inferred_is_no_evidence(acme: Compared) -> None:
    acme.people(1, 1, *SELLER, "can_edit_products")
    acme.company.rows("UPDATE history.snapshots SET collect = 'by-access'")
    for user_id in range(1, 40):
        acme.company.insert("access_signatures", user_id=user_id, signature="new")

    # all were observed under an access that they no longer have, so nobody is left to compare with
    assert acme.fired() == []
    assert acme.group(1) == ("permissions not observed",)


def test_who_is_left_out(acme: Compared) -> None:
    admin = [{"app": "sales", "admin": True, "permission_set_id": None}]
    acme.people(1, 1, *SELLER, "can_edit_products", access=admin)
    acme.people(2, 1, *SELLER, "can_edit_products", active=False)
    acme.people(3, 1, *SELLER, "can_edit_products", deleted=True)
    acme.people(4, 1, *SELLER, "can_edit_products", access=None)
    acme.company.user(5, "Unasked")
    acme.people(6, 1)
    acme.company.user(7, "Unknown")
    acme.company.flags(7, can_edit_products=None, can_add_deals=None)

    assert acme.fired() == []
    found = acme.company.table("peer_groups", "user_id, reason, peers")
    assert found[:5] == [
        (1, "is an admin, who holds everything", None),
        (4, "not known whether an admin", None),
        (5, "permissions not observed", None),
        (6, "holds no permission", 0),
        (7, "permissions not known", None),
    ]


def test_peer_groups(acme: Compared) -> None:
    columns = "role_id, kind, peers, abstained, reason"

    assert acme.group(10, columns) == (2, "role", 11, False, None)
    assert acme.group(30, columns) == (3, "role", 7, False, None)


@pytest.mark.parametrize(
    ("own", "near", "far", "kind"),
    [
        (8, 4, 3, "role"),
        (4, 8, 3, "role tree"),
        (3, 0, 12, "similar"),
        (3, 4, 8, "similar"),
        (5, 5, 5, "mixed"),
        # half of them is not most of them
        (8, 8, 0, "mixed"),
        (8, 0, 8, "mixed"),
    ],
)
def test_where_the_peers_are_from_is_a_count_of_people(
    company: Company, own: int, near: int, far: int, kind: str
) -> None:
    compared = Compared(company)
    company.role(4, "Partners", 2)
    compared.people(1, 1, *SELLER, "can_edit_products")
    compared.people(100, own, *SELLER)
    compared.people(200, near, *SELLER, role=4)
    compared.people(300, far, *SELLER, role=3)
    compared.people(400, 5, *BUYER, role=3)

    assert compared.fired() == [("1", "can_edit_products")]
    assert company.table("peer_groups", "user_id, kind, peers")[0] == (1, kind, own + near + far)
    assert company.table("peer_comparisons", "user_id, kind, peers, role_peers") == [
        (1, kind, own + near + far, own)
    ]
    ((evidence,),) = company.table("rules.permission_outlier", "evidence")
    told = json.loads(evidence)
    assert (told["peers_from"], told["peers"], told["peers_of_the_role"]) == (kind, own + near + far, own)


def test_who_has_no_role_or_only_the_default_one_is_compared_with_all(acme: Compared) -> None:
    acme.company.role(1, "(Unassigned users)")
    acme.people(1, 1, *SELLER, "can_edit_products", role=None)
    acme.people(2, 1, *SELLER, role=1)

    assert acme.fired() == [("1", "can_edit_products")]
    assert acme.group(1, "role_id, kind, peers") == (None, "similar", 13)
    assert acme.group(2, "role_id, kind") == (None, "similar")


def test_of_several_roles_the_one_that_the_record_names(acme: Compared) -> None:
    acme.people(1, 1, *BUYER, role=2, role_id=3)
    acme.company.assign(1, 3)
    acme.people(2, 1, *BUYER, role=3)
    acme.company.assign(2, 2)

    assert acme.group(1, "role_id") == (3,)
    assert acme.group(2, "role_id") == (2,)


def test_the_same_role_before_all_others(acme: Compared) -> None:
    acme.people(1, 1, *SELLER, "can_edit_products")
    acme.people(50, 12, *SELLER, "can_edit_products", role=3)

    assert acme.fired() == [("1", "can_edit_products")]
    acme.company.assign(1, 3)
    acme.company.rows("DELETE FROM history.user_roles WHERE user_id = 1 AND role_id = 2")
    assert acme.fired() == []


def test_a_company_of_one_user(company: Company) -> None:
    acme = Compared(company)
    acme.people(1, 1, *SELLER)

    assert acme.fired() == []
    assert acme.group(1) == ("too few colleagues to compare with",)


def test_a_company_without_users_or_permissions(company: Company) -> None:
    acme = Compared(company)
    assert acme.fired() == []

    acme.people(1, 3)
    assert acme.fired() == []
    assert acme.group(1) == ("holds no permission",)


def test_only_the_companies_of_the_batch_are_compared_anew(
    acme: Compared, connection: duckdb.DuckDBPyConnection
) -> None:
    acme.people(1, 1, *SELLER, "can_edit_products")
    before = acme.fired()
    other = Company(connection, "other")
    other.snapshot(0)
    connection.execute("UPDATE landing.batch SET company = 'other'")
    other.user(1, "Else")
    other.flags(1, can_add_deals=True)

    assert acme.fired() == before
    assert other.table("peer_groups", "DISTINCT company") == [
        ("acme",),
        ("other",),
    ]


def test_other_companies_in_the_batch_change_nothing(
    acme: Compared, connection: duckdb.DuckDBPyConnection
) -> None:
    acme.people(1, 1, *SELLER, "can_edit_products")
    acme.fired()
    tables = ("peer_groups", "peer_comparisons")
    before = [acme.company.rows(f"FROM {name} WHERE company = 'acme'") for name in tables]
    first = Company(connection, "aaa")
    first.snapshot(0)
    connection.execute("INSERT INTO landing.batch VALUES ('aaa')")
    for user_id in range(1, 9):
        first.user(user_id, f"Else{user_id}")
        first.flags(user_id, can_add_a=True, can_add_deals=True, can_zoom=user_id == 8)

    acme.fired()

    assert [acme.company.rows(f"FROM {name} WHERE company = 'acme'") for name in tables] == before


def test_the_order_of_rows_changes_nothing(acme: Compared) -> None:
    acme.people(1, 1, *SELLER, "can_edit_products", "can_merge_people")
    acme.people(2, 2, *SELLER, "can_edit_products")
    acme.fired()
    tables = ("peer_groups", "peer_comparisons", "rules.permission_outlier")
    before = [acme.company.rows(f"FROM {name}") for name in tables]
    chance = random.Random(1)  # noqa: S311

    for name in ("users", "user_roles", "user_permissions"):
        rows = acme.company.rows(f"FROM history.{name}")
        acme.company.rows(f"DELETE FROM history.{name}")  # noqa: S608
        chance.shuffle(rows)
        for row in rows:
            marks = ", ".join("?" for _ in row)
            acme.company.rows(f"INSERT INTO history.{name} VALUES ({marks})", *row)  # noqa: S608
    acme.fired()

    after = [acme.company.rows(f"FROM {name}") for name in tables]
    assert [sorted(map(str, rows)) for rows in after] == [sorted(map(str, rows)) for rows in before]
    assert after[:2] == before[:2]
