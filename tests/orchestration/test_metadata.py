"""What Dagster shows of the findings and of the tables: counts, tables and links; and how text is escaped."""

from __future__ import annotations

from pathlib import Path

import dagster as dg
import pytest
from installation import Installation
from published import query

from pipedrive_graph.config import alerts_file
from pipedrive_graph.orchestration.metadata import findings_metadata, report_metadata, reports
from pipedrive_graph.reports import markdown
from pipedrive_graph.simulator.server import Options, Simulator


@pytest.fixture(scope="module")
def nights(tmp_path_factory: pytest.TempPathFactory):
    """A company of which one night was read, and what was shown of it; then a permission is given."""
    with Simulator(Options(users=40, limit=2000)) as simulator:
        installation = Installation.of(tmp_path_factory.mktemp("metadata"), simulator)
        installation.night()
        first = findings_metadata(installation.settings, "default")
        user = simulator.company.users[simulator.company.plain_user_id]
        ((permission,),) = query(
            installation.published,
            """
            SELECT permission FROM user_permissions
            EXCEPT SELECT permission FROM user_permissions WHERE user_id = ? AND granted
            ORDER BY ALL LIMIT 1""",
            user.id,
        )
        user.granted.add(permission)
        yield installation, first


def shown(value: dg.MetadataValue) -> list[dict[str, object]]:
    return [dict(record.data) for record in value.records]


def test_the_counts_are_numbers_that_dagster_draws(nights) -> None:
    installation, first = nights
    counted = dict(
        query(
            installation.published,
            "SELECT severity, count(*) FROM findings WHERE status = 'open' GROUP BY ALL",
        )
    )

    assert {name: first[f"open: {name}"] for name in counted} == counted
    assert first["open"] == sum(counted.values())
    assert (first["waived"], first["resolved"], first["changes"]) == (0, 0, 0)
    assert first["new"] == first["open"]
    numbers = {name: type(value) for name, value in first.items() if not isinstance(value, dg.MetadataValue)}
    assert set(numbers.values()) == {int}


def test_the_worst_and_the_new_ones_are_tables(nights) -> None:
    installation, first = nights
    by_rule = query(
        installation.published,
        "SELECT severity, rule, count(*), min(first_seen) FROM findings WHERE status = 'open' GROUP BY ALL",
    )
    ids = {text for (text,) in query(installation.published, "SELECT finding_id FROM findings")}

    table = first["worst open findings"].value.splitlines()
    assert table[:2] == ["| severity | rule | open | first seen |", "|---|---|---|---|"]
    order = ["critical", "high", "medium", "low", "info"]
    assert [row.split(" | ")[0][2:] for row in table[2:]] == sorted(
        (severity for severity, *_ in by_rule), key=order.index
    )
    assert sorted(row.replace("\\_", "_").rpartition(" | ")[0] for row in table[2:]) == sorted(
        f"| {severity} | {rule} | {count}" for severity, rule, count, _ in by_rule
    )
    new = shown(first["new findings"])
    assert len(new) == min(first["open"], 50)
    assert {row["finding_id"] for row in new} <= ids
    assert [column.name for column in first["new findings"].schema.columns] == [
        "severity", "rule", "finding_id",
    ]  # fmt: skip


@pytest.mark.slow
def test_the_second_night_shows_what_changed(nights) -> None:
    installation, _ = nights
    installation.night()

    second = findings_metadata(installation.settings, "default")

    assert second["changes"] == 1
    assert shown(second["changes since the last snapshot"]) == [
        {"change": "granted", "about": "user", "changes": 1}
    ]
    # nothing explains it: it is the one finding that is new
    assert {row["rule"] for row in shown(second["new findings"])} >= {"unexplained_permission"}
    assert second["new"] == len(shown(second["new findings"]))


def test_of_a_company_that_is_not_published_nothing_is_shown(nights) -> None:
    installation, _ = nights

    assert findings_metadata(installation.settings, "another") == {}


def test_several_companies_are_shown_in_numbers_and_a_row_each(nights) -> None:
    installation, _ = nights
    by_severity = dict(
        query(
            installation.published,
            "SELECT severity, count(*) FROM findings WHERE status = 'open' GROUP BY ALL",
        )
    )
    severe = by_severity.get("critical", 0) + by_severity["high"]

    fleet = reports(installation.settings, ["default", "other"])

    assert {name: fleet[f"open: {name}"] for name in by_severity} == by_severity
    assert fleet["open"] == sum(by_severity.values())
    rows = fleet["companies with the most open findings"].value.splitlines()
    assert rows[0] == "| company | critical or high | open | new |"
    assert rows[2].startswith(f"| default | {severe} | {fleet['open']} | ")
    assert rows[3] == "| other | 0 | 0 | 0 |"


def test_a_report_is_linked_where_its_address_is_set(tmp_path: Path) -> None:
    settings, path = Installation(tmp_path).settings, tmp_path / "findings.csv"
    alerts = alerts_file.read(settings).usable()

    assert {name: value.value for name, value in report_metadata(alerts, "default", path).items()} == {
        "path": str(path)
    }
    (tmp_path / "alerts.toml").write_text('report_url = "https://files.example.com/{company}.csv"')
    alerts = alerts_file.read(settings).usable()
    assert report_metadata(alerts, "default", path)["report"].value == "https://files.example.com/default.csv"


def test_no_text_becomes_mark_up() -> None:
    table = markdown.table(
        ["name", "n"],
        [("Eve | <b>*x*</b> [y](http://z)\n`c` & @all", 1), (None, ["a", "b_c"]), ("x" * 500, True)],
    )

    assert table.splitlines()[2:4] == [
        r"| Eve \| &lt;b&gt;\*x\*&lt;/b&gt; \[y\]\(http\:⁠//z\)�\`c\` &amp; \@all | 1 |",
        r"|  | a, b\_c |",
    ]
    assert len(table.splitlines()[4]) < 220
