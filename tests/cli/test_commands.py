"""The commands beside `sync`: what a newcomer, an analyst and an operator type."""

from __future__ import annotations

import csv
import io
import json
import re
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import duckdb
import pytest
from installation import Installation

import pipedrive_graph
from pipedrive_graph.errors import WarehouseError
from pipedrive_graph.simulator import faults
from pipedrive_graph.simulator.server import Options, Simulator


@pytest.fixture(scope="module")
def night(tmp_path_factory: pytest.TempPathFactory):
    """An installation after one night; its simulator still answers."""
    with Simulator(Options(users=40, limit=2000)) as simulator:
        installation = Installation.of(tmp_path_factory.mktemp("cli") / "home", simulator)
        result = installation.command("sync")
        assert (result.code, result.err) == (0, "")
        yield installation, result


@pytest.mark.slow
def test_the_demo_finds_what_was_planted(home, monkeypatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    result = Installation(home).command("demo", "--users", "40", "--home", str(home))

    assert (result.code, result.err) == (0, "")
    planted, found, missed, extra = re.search(
        r"planted (\d+) anomalies: (\d+) found, (\d+) missed, (\d+) found that were not planted", result.out
    ).groups()
    assert (planted, missed, extra) == (found, "0", "0")
    truth = json.loads((home / "truth.json").read_text())
    assert int(planted) == len(truth["findings"]) + len(truth["visibility"]["findings"]) > 20
    rules = {finding["rule"] for finding in truth["visibility"]["findings"]}
    assert {"broad_export", "default_role_exposed", "pipeline_exposed"} <= rules
    assert str(home / "identity_graph.duckdb") in result.out
    last = result.out.splitlines()[-1]
    assert last == f"  Open the report:  {(home / 'reports/demo/access_report.html').as_uri()}"


def test_the_demo_replaces_no_folder_of_somebody_elses(home) -> None:
    home.mkdir()
    (home / "thesis.txt").write_text("mine")

    result = Installation(home).command("demo", "--users", "40", "--home", str(home))

    assert result.code == 1
    assert result.sentence == f"{home} is not the folder of an earlier demo; choose another with --home."
    assert (home / "thesis.txt").read_text() == "mine"


def test_an_interrupted_demo_promises_nothing(home, monkeypatch) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("pipedrive_graph.pipeline.run", interrupted)

    result = Installation(home).command("demo", "--users", "40", "--home", str(home))

    assert (result.code, result.sentence) == (1, "Interrupted.")


DUCKDB = [(duckdb.InterruptException, "INTERRUPT Error: Interrupted!"), (RuntimeError, "Query interrupted")]
"""How DuckDB passes Ctrl-C on."""


@pytest.mark.slow
@pytest.mark.parametrize(("error", "said"), DUCKDB)
def test_a_sync_that_duckdb_says_is_interrupted(installation, monkeypatch, error, said) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise error(said)

    installation.night()
    monkeypatch.setattr("pipedrive_graph.builder.process_snapshot.history.merge", interrupted)

    result = installation.command("sync")

    assert result.code == 1
    assert result.sentence == (
        f"Interrupted. Snapshot {installation.landing().latest().snapshot_id} is read and kept; the next sync"
        " builds and publishes it without reading it again."
    )


@pytest.mark.parametrize(("error", "said"), DUCKDB)
@pytest.mark.parametrize(
    "place",
    [
        "builder.build.tables.create",
        "builder.process_snapshot.history.merge",
        "warehouse.transform._make",  # here and below, the query is not to blame
        "findings.evaluate.batch_query",
        "warehouse.ingest._build",
    ],
)
def test_a_rebuild_that_duckdb_says_is_interrupted(night, monkeypatch, place, error, said) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise error(said)

    installation, _ = night
    before = installation.published.read_bytes()
    monkeypatch.setattr(f"pipedrive_graph.{place}", interrupted)

    result = installation.command("rebuild")

    assert (result.code, result.out, result.sentence) == (1, "", "Interrupted.")
    assert installation.published.read_bytes() == before


def test_simulate_serves_until_it_is_interrupted(tmp_path) -> None:
    truth = tmp_path / "truth.json"
    options = ["--users", "12", "--token", "t", "--truth", str(truth)]
    process = Installation(tmp_path).process("simulate", *options)
    lines = list(iter(process.stdout.readline, "Stop it with Ctrl-C.\n"))
    url = lines[0].removeprefix("Pipedrive simulator at ").strip()

    request = urllib.request.Request(f"{url}/users", headers={"x-api-token": "t"})  # noqa: S310
    with urllib.request.urlopen(request) as answer:  # noqa: S310
        assert len(json.load(answer)["data"]) == 12
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=10)

    assert (process.returncode, err) == (0, "")
    assert json.loads(truth.read_text())["users"] == 12


def test_simulate_says_that_a_port_is_taken(simulator) -> None:
    result = Installation(Path()).command("simulate", "--port", str(simulator.port))
    assert result.code == 1
    assert result.sentence.startswith(f"Port {simulator.port} is in use by another program")


def test_doctor_says_that_all_is_well(night) -> None:
    installation, _ = night
    before = sorted(path for path in installation.home.rglob("*"))

    result = installation.command("doctor")

    assert (result.code, result.err) == (0, "")
    assert f"pipedrive-graph {pipedrive_graph.__version__}" in result.out or "0.1.0 on Python 3" in result.out
    assert f"{installation.home} (writable)" in result.out
    assert "2000 requests per 2 s" in result.out
    assert sorted(path for path in installation.home.rglob("*")) == before


@pytest.mark.slow
def test_doctor_looks_at_the_owners_of_roles(night) -> None:
    installation, _ = night
    file = installation.home / "reviews.toml"
    file.write_text('[owners]\n"Sails" = "mara@example.com"\n')
    wrong = installation.command("doctor")
    file.write_text('default = "mara@example.com"\n')
    right = installation.command("doctor")
    file.unlink()

    assert (wrong.code, right.code) == (0, 0)  # a sync does not read it
    assert f"{file}: " in wrong.out
    assert "Sails" in wrong.out
    assert f"owners of roles in {file}" in right.out


def test_doctor_says_what_is_wrong_and_writes_nothing(installation) -> None:
    installation.variables["PIPEDRIVE_API_TOKEN"] = "wrong"  # noqa: S105

    result = installation.command("doctor")

    assert result.code == 3
    assert "Pipedrive does not accept the API token" in result.out
    assert not installation.home.exists()


def test_doctor_says_that_nothing_can_be_written(installation) -> None:
    installation.home.write_text("a file where the folder should be")

    result = installation.command("doctor")

    assert result.code == 1
    assert (
        f"{installation.home} (not writable): let this user write there, or set PIPEDRIVE_GRAPH_HOME"
        in result.out
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "code", "advice"),
    [
        ("identity_graph.duckdb", 0, r"; the next sync publishes it again\."),
        ("warehouse.duckdb", 1, r"\. The landing has no snapshots to rebuild it from: .* move .* away\."),
    ],
)
def test_doctor_opens_the_databases(installation, name, code, advice) -> None:
    installation.home.mkdir()
    file = installation.home / name
    with duckdb.connect(str(file)) as connection:
        connection.execute("CREATE TABLE t AS SELECT range AS number FROM range(100000)")
    whole = file.read_bytes()
    assert installation.command("doctor").code == 0

    for content in (b"", whole[:100], whole[: len(whole) // 2]):
        file.write_bytes(content)
        result = installation.command("doctor")
        assert result.code == code
        assert re.search(rf"Cannot open {file} \(.*\){advice}", result.out)

    file.unlink()
    file.mkdir()
    result = installation.command("doctor")
    assert result.code == 1
    assert f" {file}: it is a folder; move it away" in result.out


def test_doctor_does_not_mind_a_night_that_runs(installation) -> None:
    installation.home.mkdir()
    script = "import duckdb, sys; c = duckdb.connect(sys.argv[1]); print(); input()"
    with subprocess.Popen(
        [sys.executable, "-c", script, str(installation.home / "warehouse.duckdb")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as writer:
        writer.stdout.readline()
        result = installation.command("doctor")
        writer.communicate("\n")

    assert result.code == 0


def test_sync_tells_a_person_what_it_found(night) -> None:
    _, result = night
    assert re.search(r"^default  snapshot \d{8}T\d{6}-\d{6}  complete$", result.out, re.MULTILINE)
    assert re.search(r"^  40 users, \d+ roles, [\d,]+ grants; the first snapshot$", result.out, re.MULTILINE)
    assert re.search(r"^  \d+ requests, none throttled; [\d.]+ s in all$", result.out, re.MULTILINE)
    assert re.search(
        r"^  \d+ open findings: \d+ high, \d+ medium(, \d+ (low|info))*$", result.out, re.MULTILINE
    )


@pytest.mark.slow
def test_sync_prints_the_contract(night) -> None:
    installation, _ = night

    result = installation.command("sync", "--json")

    (line,) = result.objects
    assert list(line) == [
        "company", "snapshot_id", "status", "users", "roles", "requests", "throttled", "seconds",
        "findings", "database", "reports", "at", "exit_code", "count_mismatches",
    ]  # fmt: skip
    assert (line["company"], line["status"], line["users"], line["throttled"]) == (
        "default",
        "complete",
        40,
        0,
    )
    assert line["database"] == str(installation.published)
    assert line["reports"] == str(installation.home / "reports" / "default")


def test_sql_prints_a_table_and_csv(night) -> None:
    installation, _ = night

    table = installation.command("sql", "SELECT count(*) AS people FROM users")
    as_csv = installation.command(
        "sql", "--csv", "SELECT '=1+1' AS formula, NULL AS nothing, 'a\"b' AS quoted"
    )

    assert (table.code, as_csv.code) == (0, 0)
    assert "people" in table.out
    assert "40" in table.out
    assert list(csv.reader(io.StringIO(as_csv.out))) == [
        ["formula", "nothing", "quoted"],
        ["'=1+1", "", 'a"b'],
    ]


@pytest.mark.parametrize(
    "statement",
    ["DELETE FROM users", "DROP TABLE users", "CREATE TABLE t (a INT)", "INSERT INTO users FROM users"],
)
def test_sql_changes_nothing(night, statement) -> None:
    installation, _ = night
    before = installation.published.read_bytes()

    result = installation.command("sql", statement)

    assert result.code == 1
    assert "read-only" in result.err
    assert installation.published.read_bytes() == before


def test_sql_says_what_is_wrong_with_a_query(night) -> None:
    installation, _ = night
    result = installation.command("sql", "SELECT nobody FROM users")
    assert result.code == 1
    assert result.sentence.startswith("There is no column nobody")


def test_sql_before_the_first_night(installation) -> None:
    result = installation.command("sql", "FROM users")
    assert result.code == 1
    assert result.sentence == f"Nothing is published at {installation.published} yet; run sync first."
    assert not installation.home.exists()


@pytest.mark.slow
def test_rebuild_says_what_it_did(night) -> None:
    installation, _ = night
    result = installation.command("rebuild")
    number = len(list(installation.landing().path.glob("*/manifest.json")))
    assert (result.code, result.err) == (0, "")
    assert result.out == f"Rebuilt from {number} snapshots; published {installation.published}.\n"


def test_rebuild_without_a_landing(installation) -> None:
    result = installation.command("rebuild")
    assert result.code == 1
    assert (
        result.sentence
        == f"There are no snapshots in {installation.settings.landing}; nothing to rebuild from."
    )


def test_every_command_has_help() -> None:
    listed = Installation(Path()).command("--help")
    assert listed.code == 0
    for name in re.findall(r"^  (\w+)  ", listed.out.split("Commands:")[1], re.MULTILINE):
        result = Installation(Path()).command(name, "--help")
        assert result.code == 0
        assert f"Usage: pipedrive-graph {name}" in result.out
        assert "--debug" in result.out


def test_the_version() -> None:
    result = Installation(Path()).command("--version")
    assert (result.code, result.out) == (0, f"pipedrive-graph {pipedrive_graph.__version__}\n")


def test_a_traceback_appears_with_debug_only(installation, simulator) -> None:
    simulator.faults.add("users", faults.forbidden, times=None)

    plain, debug = installation.command("sync"), installation.command("sync", "--debug")

    assert plain.sentence == debug.err.strip().splitlines()[-1]
    assert "Traceback" not in plain.err
    assert "Traceback" in debug.err


def test_frames_of_what_is_published(night, monkeypatch) -> None:
    installation, _ = night
    monkeypatch.setenv("PIPEDRIVE_GRAPH_HOME", str(installation.home))

    with pipedrive_graph.open() as graph:
        assert len(graph.table("users")) == 40
        assert list(graph.tables().columns) == ["table_name", "comment"]
        assert list(graph.query("SELECT user_id FROM users WHERE user_id = ?", 0)["user_id"]) == []
        with pytest.raises(WarehouseError, match=r"There is no table 'nobody'; there are: access_changes, "):
            graph.table("nobody")
        with pytest.raises(WarehouseError, match="read-only"):
            graph.query("DROP TABLE users")


@pytest.mark.parametrize(
    ("expires", "code", "message"),
    [
        ("2026-11-20", 0, "waivers.toml\n"),
        ("2026-11-19", 0, "waivers.toml, 1 of them expired\n"),
        ('"soon"', 2, "waiver 1: expires"),
    ],
)
def test_doctor_reads_the_waivers(installation, expires, code, message) -> None:
    installation.home.mkdir()
    installation.variables["PIPEDRIVE_GRAPH_CLOCK"] = "2026-11-20T09:00:00Z"
    (installation.home / "waivers.toml").write_text(
        f'[[waiver]]\nrule = "dormant_user"\nsubject = "5"\nreason = "r"\nowner = "o"\nexpires = {expires}\n'
    )

    ended = installation.command("doctor")

    assert ended.code == code
    assert message in ended.out


def test_an_argument_that_is_no_text(installation) -> None:
    result = installation.command("ack", "4aee4410", "--note", "caf\udce9")
    assert (result.code, result.out) == (2, "")
    assert result.sentence == "An argument is not UTF-8 text; set the terminal to UTF-8 and try again."
