"""The formats of findings: valid by the standards' own schemas, and equal to the table."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import duckdb
import jsonschema
import pytest
from py_ocsf_models import OCSF_VERSION
from py_ocsf_models.events.findings.detection_finding import DetectionFinding

from pipedrive_graph.common.resources import sql_folder
from pipedrive_graph.exports.export import Exported
from pipedrive_graph.exports.findings import ocsf, sarif

from .conftest import NAMES

SCHEMA = Path(__file__).with_name("sarif-2.1.0-rtm.5.json.gz")
"""The schema of SARIF 2.1.0, © OASIS Open, unchanged, from the npm package @microsoft/jest-sarif (MIT).

OASIS allows it to be copied and furnished to others.
"""


@pytest.fixture(scope="module")
def log(exported: dict[str, Exported]) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(exported["sarif"].path.read_text(encoding="utf-8"))
    return found


@pytest.fixture(scope="module")
def events(exported: dict[str, Exported]) -> list[dict[str, Any]]:
    lines = exported["ocsf"].path.read_text(encoding="utf-8").split("\n")
    return [json.loads(line) for line in lines if line]


def test_sarif_keeps_to_the_schema(log: dict[str, Any]) -> None:
    schema = json.loads(gzip.decompress(SCHEMA.read_bytes()))

    jsonschema.Draft4Validator(schema, format_checker=jsonschema.FormatChecker()).validate(log)


def test_as_many_findings_as_in_the_table(
    exported: dict[str, Exported],
    log: dict[str, Any],
    events: list[dict[str, Any]],
    published: duckdb.DuckDBPyConnection,
) -> None:
    rows = published.execute("SELECT finding_id, status FROM findings ORDER BY ALL").fetchall()

    assert [(part.table, part.rows) for form in ("sarif", "ocsf") for part in exported[form].wrote.parts] == [
        ("findings", len(rows))
    ] * 2
    assert (
        sorted(
            (result["partialFingerprints"]["findingId/v1"], result["properties"]["status"])
            for result in log["runs"][0]["results"]
        )
        == rows
    )
    status = {"New": "open", "Suppressed": "waived", "Resolved": "resolved"}
    assert sorted((event["finding_info"]["uid"], status[event["status"]]) for event in events) == rows


def of(log: dict[str, Any], finding_id: str) -> dict[str, Any]:
    (found,) = [
        result
        for result in log["runs"][0]["results"]
        if result["partialFingerprints"]["findingId/v1"] == finding_id
    ]
    return found


def test_sarif_of_an_open_finding(log: dict[str, Any]) -> None:
    result = of(log, "acme-f1")

    properties = result.pop("properties")
    index = result.pop("ruleIndex")
    assert log["runs"][0]["tool"]["driver"]["rules"][index]["id"] == "dormant_admin"
    assert result == {
        "ruleId": "dormant_admin",
        "level": "error",
        "message": {"text": NAMES[2]},
        "locations": [
            {
                "physicalLocation": {
                    "artifactLocation": {"uri": "sql/findings/dormant_admin.sql", "uriBaseId": "%SRCROOT%"},
                    "region": {"startLine": 1},
                },
                "logicalLocations": [{"name": "1", "fullyQualifiedName": "acme/user/1", "kind": "user"}],
            }
        ],
        "partialFingerprints": {"findingId/v1": "acme-f1", "primaryLocationLineHash": "acme-f1:1"},
        "baselineState": "new",
    }
    assert {"user", "days", "admin_apps", "related"} == set(properties.pop("evidence"))
    assert properties == {
        "company": "acme",
        "severity": "critical",
        "status": "open",
        "subject_kind": "user",
        "subject_id": "1",
        "object": "can_use_api",
        "remedy": "Ask, then <deactivate>.",
        "first_seen": "2026-11-21T02:00:00.000Z",
        "last_seen": "2026-11-21T02:00:00.000Z",
        "opened_at": "2026-11-21T02:00:00.000Z",
        "reopened": 0,
    }


def test_sarif_tells_status_and_baseline(log: dict[str, Any]) -> None:
    told = {
        name: (result["level"], result["baselineState"], result.get("suppressions"))
        for name in ("f1", "f2", "f3", "f4", "f5")
        for result in [of(log, f"Acme-{name}")]
    }

    waiver = {"kind": "external", "status": "accepted", "justification": 'Until "March"\nat least'}
    assert told == {
        "f1": ("error", "new", None),
        "f2": ("error", "unchanged", None),
        "f3": ("error", "unchanged", [waiver]),
        "f4": ("note", "absent", None),
        "f5": ("error", "unchanged", None),
    }


def test_sarif_rules_say_what_their_headers_say(log: dict[str, Any]) -> None:
    rules = {rule["id"]: rule for rule in log["runs"][0]["tool"]["driver"]["rules"]}

    shipped = {path.stem for path in (sql_folder() / "findings").glob("*.sql")}
    assert set(rules) == shipped | {"no_such_rule"}
    rule = rules["dormant_admin"]
    assert rule["shortDescription"] == {"text": "Dormant admin"}
    meaning = "Nobody notices when an unused admin account is taken over. The account is an admin of"
    assert rule["fullDescription"]["text"].startswith(meaning)
    assert "remove the rights or deactivate the account" in rule["help"]["text"]
    assert "CIS Controls v8 5.3" in rule["help"]["text"]
    assert rule["defaultConfiguration"] == {"level": "error"}
    assert rule["properties"]["security-severity"] == "8.0"
    assert rules["no_such_rule"]["shortDescription"] == {"text": "No such rule"}


def test_a_name_is_no_link_and_no_argument_in_a_message(log: dict[str, Any]) -> None:
    assert of(log, "acme-f2")["message"]["text"] == "{{0}} and \\[a link](https://evil.example)"
    assert sarif.message("plain [x] {y}") == "plain [x] {y}"


def test_ocsf_events_are_detection_findings(events: list[dict[str, Any]]) -> None:
    assert ocsf.VERSION == OCSF_VERSION
    for event in events:
        parsed = DetectionFinding.model_validate(event)

        assert event.keys() <= DetectionFinding.model_fields.keys()
        assert event["type_uid"] == event["class_uid"] * 100 + event["activity_id"]
        assert parsed.severity_id.name == event["severity"]
        assert parsed.status_id is not None
        assert parsed.status_id.name == event["status"]
        assert parsed.activity_id.name == event["activity_name"]


def test_ocsf_of_each_status(events: list[dict[str, Any]]) -> None:
    told = {
        event["finding_info"]["uid"]: (
            event["activity_name"],
            event["severity"],
            event["status"],
            event.get("status_detail"),
            event["time"],
        )
        for event in events
        if event["metadata"]["tenant_uid"] == "acme"
    }

    second = 1_795_226_400_000
    assert told == {
        "acme-f1": ("Create", "Critical", "New", None, second),
        "acme-f2": ("Update", "High", "New", None, second),
        "acme-f3": ("Update", "High", "Suppressed", 'Until "March"\nat least', second),
        "acme-f4": ("Close", "Informational", "Resolved", "fixed", second),
        "acme-f5": ("Update", "High", "New", None, second),
    }


def test_ocsf_carries_names_and_evidence(events: list[dict[str, Any]]) -> None:
    found = {event["finding_info"]["uid"]: event for event in events}

    assert found["acme-f1"]["message"] == NAMES[2]
    assert found["acme-f4"]["message"] == NAMES[5]
    assert found["acme-f3"]["evidences"][0]["data"]["user"] == "=1+1 \x07 🦊"
    assert found["acme-f4"]["evidences"] == [{"data": {"evidence": ["no object"]}}]
    assert "evidences" not in found["acme-f5"]
    assert found["acme-f3"]["unmapped"] == {
        "object": "can_use_api",
        "reopened": 0,
        "waiver_owner": "Kim",
        "waiver_reason": 'Until "March"\nat least',
        "waiver_expires": "2026-11-24",
    }
    assert found["acme-f1"]["resources"] == [
        {"uid": "acme/user/1", "name": "1", "type": "user", "namespace": "acme"}
    ]
