"""The command `export`: its files, what it replaces, and what it refuses with one sentence."""

from __future__ import annotations

import hashlib
import json
import os
import resource
import shutil
import signal
import stat
from collections.abc import Callable
from pathlib import Path

import duckdb
import networkx as nx
import openpyxl
import pytest
from installation import Installation

from pipedrive_graph.config.settings import Settings
from pipedrive_graph.errors import BusyError, ExportError, WarehouseError
from pipedrive_graph.exports.export import ExportRequest, export
from pipedrive_graph.exports.output import placed
from pipedrive_graph.exports.registry import FORMATS

from .conftest import NAMES


@pytest.fixture
def copy(settings: Settings, tmp_path: Path) -> Installation:
    """A home folder with the published file in it."""
    home = tmp_path / "home"
    home.mkdir()
    shutil.copy(settings.published, home)
    return Installation(home)


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_help_lists_the_formats(copy: Installation) -> None:
    result = copy.command("export", "--help")

    assert result.code == 0
    for name, form in FORMATS.items():
        assert f"  {name} " in result.out
        assert form.description in " ".join(result.out.split())


def test_the_command_says_what_it_wrote(copy: Installation) -> None:
    result = copy.command("export", "--format", "csv", "--tables", "users, roles", "--company", "acme")

    assert result.code == 0
    assert [" ".join(line.split()) for line in result.out.splitlines()] == [
        "acme snapshot s1 complete",
        "roles.csv 3 rows",
        f"users.csv {len(NAMES)} rows",
        "",
        f"{3 + len(NAMES)} rows in 2 files, as csv:",
        str(copy.home / "exports" / "csv"),
    ]
    assert set(files(copy.home / "exports" / "csv")) == {"users.csv", "roles.csv", "export.json"}


@pytest.mark.parametrize("form", [name for name in FORMATS if name != "xlsx"])
def test_the_same_data_gives_the_same_bytes(form: str, settings: Settings, tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        export(settings, ExportRequest(form, out=tmp_path / name))

    assert files(tmp_path / "one") == files(tmp_path / "two") != {}


def test_the_same_workbook_gives_the_same_bytes(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = export(
        settings, ExportRequest("xlsx", tables=["users"], out=tmp_path / "one.xlsx")
    ).path.read_bytes()
    monkeypatch.setattr("time.time", lambda: 1_900_000_000.0)

    second = export(
        settings, ExportRequest("xlsx", tables=["users"], out=tmp_path / "two.xlsx")
    ).path.read_bytes()

    assert first == second


def test_one_company_alone(settings: Settings, published: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    names = published.execute("SELECT table_name FROM duckdb_tables()").fetchall()
    counts = {
        # the rules are the same for all companies
        name: published.execute(
            f"SELECT count(*) FROM {name}" + " WHERE company = 'acme'" * (name != "rules")  # noqa: S608
        ).fetchall()[0][0]
        for (name,) in names
    }

    for form in ("csv", "graphml", "ocsf"):
        out = tmp_path / form if FORMATS[form].file is None else tmp_path / f"{form}.file"
        wrote = export(settings, ExportRequest(form, companies=("acme",), out=out)).wrote
        assert {part.table: part.rows for part in wrote.parts}.items() <= counts.items()
    text = (tmp_path / "csv" / "users.csv").read_text(encoding="utf-8")
    assert "Acme" not in text


def test_contents_of_a_folder(settings: Settings, tmp_path: Path) -> None:
    export(settings, ExportRequest("jsonl", companies=("acme",), tables=["users"], out=tmp_path / "out"))

    contents = json.loads((tmp_path / "out" / "export.json").read_text(encoding="utf-8"))
    assert contents.pop("version")
    assert contents == {
        "format": "jsonl",
        "snapshots": {"acme": {"snapshot_id": "s1", "as_of": "2026-11-21T02:00:00Z", "status": "complete"}},
        "files": {"users.jsonl": {"users": len(NAMES)}},
    }


def test_an_earlier_export_is_replaced_as_a_whole(settings: Settings, tmp_path: Path) -> None:
    out = tmp_path / "out"
    export(settings, ExportRequest("csv", tables=["users", "roles"], out=out))
    (out / ".~lock.users.csv#").write_text("open in an office program")

    export(settings, ExportRequest("neo4j", out=out))
    export(settings, ExportRequest("parquet", tables=["roles"], out=out))

    assert set(files(out)) == {"roles.parquet", "export.json"}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out"]


def test_a_folder_of_something_else_is_left_alone(copy: Installation, tmp_path: Path) -> None:
    out = tmp_path / "mine"
    out.mkdir()
    (out / "thesis.txt").write_text("years of work")

    result = copy.command("export", "--format", "csv", "--out", str(out))

    assert result.code == 1
    assert result.sentence == (
        f"{out} holds thesis.txt, which does not belong to an earlier export; name another folder with"
        " --out, or add --force to replace this one."
    )
    assert files(out) == {"thesis.txt": b"years of work"}
    export(copy.settings, ExportRequest("csv", tables=["users"], out=tmp_path / "out"))
    (tmp_path / "out" / "notes").mkdir()
    (tmp_path / "out" / "notes" / "mine.txt").write_text("x")
    result = copy.command("export", "--format", "csv", "--out", str(tmp_path / "out"))
    assert "holds notes/mine.txt, which does not belong to an earlier export" in result.sentence


FILES = [name for name, form in FORMATS.items() if form.file]


@pytest.mark.parametrize("form", FILES)
def test_an_earlier_file_is_replaced(form: str, settings: Settings, tmp_path: Path) -> None:
    out = tmp_path / "out"
    tables = ["roles"] if form == "xlsx" else []
    out.touch()  # OCSF without findings

    export(settings, ExportRequest(form, tables=tables, out=out))
    before = out.read_bytes()
    export(settings, ExportRequest(form, tables=tables, out=out))
    assert out.read_bytes() == before

    export(settings, ExportRequest("ocsf", out=out))
    assert out.read_bytes().startswith(b'{"activity_id"')


def workbook(path: Path) -> None:
    """A workbook of somebody else, as an access review is for the export."""
    openpyxl.Workbook().save(path)


@pytest.mark.parametrize("form", FILES)
@pytest.mark.parametrize(
    "make",
    [
        lambda path: shutil.copy(path.parent / "home" / "identity_graph.duckdb", path),
        lambda path: path.write_text("[[waiver]]\nreason = 'by pipedrive_graph'\n"),
        lambda path: path.write_bytes(b"PK\x03\x04 and no archive"),
        lambda path: path.write_text("<!doctype html><title>pipedrive_graph</title>"),
        workbook,
    ],
    ids=["database", "waivers", "no archive", "page", "workbook"],
)
def test_a_file_of_something_else_is_left_alone(
    make: Callable[[Path], object], form: str, copy: Installation, tmp_path: Path
) -> None:
    out = tmp_path / "mine"
    make(out)
    before = out.read_bytes()

    result = copy.command("export", "--format", form, "--out", str(out))

    assert (result.code, result.out) == (1, "")
    assert result.sentence == (
        f"{out} already exists, and is not an earlier export or report of this home; name another file with"
        " --out, or add --force to replace this one."
    )
    assert out.read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["home", "mine"]


def test_one_cron_line_on_two_nights(copy: Installation, tmp_path: Path) -> None:
    out = tmp_path / "findings.sarif"
    lines = [
        ("--format", "sarif", "--out", str(out)),
        ("--format", "neo4j", "--out", str(tmp_path / "neo4j")),
    ]

    for _ in range(2):
        for line in lines:
            assert copy.command("export", *line).code == 0

    listed = json.loads((copy.home / "exports.json").read_text())
    assert listed == {str(out): [hashlib.sha256(out.read_bytes()).hexdigest()] * 2}
    assert stat.S_IMODE((copy.home / "exports.json").stat().st_mode) == 0o600


def test_what_the_home_has_exported_is_known_by_its_list_and_not_by_its_content(
    copy: Installation, settings: Settings, tmp_path: Path
) -> None:
    out = tmp_path / "findings.sarif"
    export(settings, ExportRequest("sarif", out=out))  # of another home
    other = out.read_bytes()

    refused = copy.command("export", "--format", "sarif", "--out", str(out))
    assert (refused.code, refused.sentence) == (
        1,
        f"{out} already exists, and is not an earlier export or report of this home; name another file with"
        " --out, or add --force to replace this one.",
    )
    assert copy.command("export", "--format", "sarif", "--out", str(out), "--force").code == 0
    assert copy.command("export", "--format", "sarif", "--out", str(out)).code == 0

    assert out.read_bytes() == other


def test_an_export_that_somebody_has_worked_on_is_left_alone(copy: Installation, tmp_path: Path) -> None:
    line = ("export", "--format", "xlsx", "--tables", "roles", "--out", str(tmp_path / "roles.xlsx"))
    assert copy.command(*line).code == 0
    workbook(tmp_path / "roles.xlsx")
    before = (tmp_path / "roles.xlsx").read_bytes()

    refused = copy.command(*line)

    assert (refused.code, refused.sentence) == (
        1,
        f"{tmp_path / 'roles.xlsx'} has changed since it was exported; name another file with --out, or add"
        " --force to replace this one.",
    )
    assert (tmp_path / "roles.xlsx").read_bytes() == before
    assert copy.command(*line, "--force").code == 0
    assert copy.command(*line).code == 0


def test_single_files_of_an_earlier_version_in_the_home_are_taken_over(copy: Installation) -> None:
    for form in ("sarif", "graphml"):
        assert copy.command("export", "--format", form).code == 0
    (copy.home / "exports.json").unlink()  # an earlier version has kept no list

    for form in ("sarif", "graphml", "sarif"):
        assert copy.command("export", "--format", form).code == 0

    (copy.home / "exports" / "graphml" / "graph.graphml").write_text("mine")
    assert "has changed since it was exported" in copy.command("export", "--format", "graphml").sentence


def test_a_crash_between_the_list_and_the_file_refuses_nothing(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out.jsonl"
    export(settings, ExportRequest("ocsf", companies=("acme",), out=out))
    before = out.read_bytes()

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("pipedrive_graph.common.files.put_in_place", killed)
        for form in ("graphml", "sarif", "graphml"):
            with pytest.raises(KeyboardInterrupt):
                export(settings, ExportRequest(form, out=out))
    assert out.read_bytes() == before

    export(settings, ExportRequest("sarif", out=out))
    assert out.read_bytes() != before


def test_force_replaces_a_folder(copy: Installation, tmp_path: Path) -> None:
    out = tmp_path / "mine"
    out.mkdir()
    (out / "thesis.txt").write_text("years of work")

    assert (
        copy.command("export", "--format", "csv", "--tables", "roles", "--out", str(out), "--force").code == 0
    )

    assert set(files(out)) == {"roles.csv", "export.json"}


@pytest.mark.parametrize(
    "place", ["landing", "journal/acme.ndjson", "identity_graph.duckdb", "exports", "..", "."]
)
def test_force_replaces_nothing_that_is_needed(place: str, copy: Installation) -> None:
    for name in ("landing/acme/manifest.json", "journal/acme.ndjson", "exports/csv/mine.txt"):
        (copy.home / name).parent.mkdir(parents=True, exist_ok=True)
        (copy.home / name).write_text("x")
    out = copy.home / place
    before = files(copy.home)

    refused = copy.command(
        "export", "--format", "csv" if out.is_dir() else "sarif", "--out", str(out), "--force"
    )

    assert (refused.code, refused.sentence) == (
        1,
        f"{out.resolve()} is not replaced, even with --force: it belongs to the home folder or holds a"
        f" folder in use; name another {'folder' if out.is_dir() else 'file'} with --out.",
    )
    assert files(copy.home) == before


@pytest.mark.parametrize("text", ["{", "[]", '{"a": 1}', "\xff"])
def test_a_damaged_list_is_a_sentence(text: str, copy: Installation, tmp_path: Path) -> None:
    (copy.home / "exports.json").write_text(text, encoding="latin-1")
    (tmp_path / "out.sarif").write_text("mine")
    sentence = (
        f"{copy.home / 'exports.json'} is damaged; remove it, and use --force if an export then"
        " refuses a file."
    )

    for line in (("export", "--format", "sarif", "--out", str(tmp_path / "out.sarif")), ("verify",)):
        refused = copy.command(*line)
        assert refused.code == 1
        assert sentence in refused.out + refused.err
    assert (tmp_path / "out.sarif").read_text() == "mine"


def test_the_list_forgets_files_that_are_gone(settings: Settings, tmp_path: Path) -> None:
    for name in ("monday", "tuesday"):
        export(settings, ExportRequest("sarif", out=tmp_path / name))
    (tmp_path / "monday").unlink()
    (tmp_path / "usb").mkdir()
    export(settings, ExportRequest("sarif", out=tmp_path / "usb" / "findings"))
    shutil.rmtree(tmp_path / "usb")  # as a volume that is not mounted

    export(settings, ExportRequest("sarif", out=tmp_path / "wednesday"))

    listed = json.loads((settings.folder / "exports.json").read_text())
    inside = sorted(name.removeprefix(f"{tmp_path}/") for name in listed if name.startswith(str(tmp_path)))
    assert inside == ["tuesday", "usb/findings", "wednesday"]


def test_a_pipe_is_no_earlier_export(settings: Settings, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")

    with pytest.raises(ExportError, match="not an earlier export"):
        export(settings, ExportRequest("sarif", out=tmp_path / "pipe"))


def test_a_failed_export_leaves_the_earlier_one(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    export(settings, ExportRequest("neo4j", out=out))
    before = files(out)

    def broken(*_: object) -> str:
        raise ZeroDivisionError

    monkeypatch.setattr("pipedrive_graph.exports.graph.cypher.as_file", broken)
    with pytest.raises(ZeroDivisionError):
        export(settings, ExportRequest("neo4j", out=out))

    assert files(out) == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out"]


def test_what_a_crash_left_is_cleared(settings: Settings, tmp_path: Path) -> None:
    left = tmp_path / ".out.tmp"
    left.mkdir()
    (left / "half.csv").write_text("half")

    export(settings, ExportRequest("csv", tables=["users"], out=tmp_path / "out"))

    assert set(files(tmp_path / "out")) == {"users.csv", "export.json"}
    assert not left.exists()


def test_two_exports_to_one_place_do_not_mix(settings: Settings, tmp_path: Path) -> None:
    with (
        placed(tmp_path / "out", settings.output, folder=True),
        pytest.raises(BusyError, match="is exporting to"),
    ):
        export(settings, ExportRequest("csv", out=tmp_path / "out"))


@pytest.mark.parametrize("form", ["csv", "xlsx"])
def test_a_damaged_file_is_not_said_to_be_the_exports_fault(
    form: str, copy: Installation, tmp_path: Path
) -> None:
    os.truncate(copy.published, copy.published.stat().st_size - 10_000)

    result = copy.command("export", "--format", form, "--out", str(tmp_path / "out"))

    assert result.code == 1
    assert result.sentence.startswith(f"Cannot read {copy.published} (IO Error: Could not read enough bytes")
    assert result.sentence.endswith("); if it is damaged, run sync: it is published again.")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("form", ["csv", "parquet", "sarif"])
def test_a_full_disk(form: str, copy: Installation, tmp_path: Path) -> None:
    def limit() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))

    out = tmp_path / "out"
    result = copy.wait(copy.process("export", "--format", form, "--out", str(out), preexec_fn=limit))

    assert (result.code, result.out) == (1, "")
    assert result.sentence == f"No space is left to write {out}; free some and try again."
    assert not out.exists()


NO_TABLE = "There is no table 'user' in the published file (did you mean users?); there are: access_changes, "
NO_COMPANY = "There is no company 'acmee' in the published file (did you mean acme?); there is: Acme, acme."
NO_NAME = "--tables names no table; write it as users,roles, or leave it out for all."
NO_CHOICE = "sarif exports the findings, so --tables cannot be used with it; leave it out."


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (["csv", "--tables", "user"], 2, NO_TABLE),
        (["csv", "--tables", ""], 2, "--tables is empty. Is the variable that should fill it set?"),
        (["csv", "--tables", " , "], 2, NO_NAME),
        (["csv", "--company", "acmee"], 2, NO_COMPANY),
        (["sarif", "--tables", "users"], 2, NO_CHOICE),
        (["graphml", "--out", "/proc/no/x.graphml"], 1, "Cannot write /proc/no/x.graphml: No such file"),
    ],
)
def test_what_is_refused(arguments: list[str], code: int, sentence: str, copy: Installation) -> None:
    result = copy.command("export", "--format", *arguments)

    assert (result.code, result.out) == (code, "")
    assert result.sentence.startswith(sentence)
    assert not (copy.home / "exports").exists()


def test_what_a_format_cannot_hold_is_told(
    copy: Installation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipedrive_graph.exports.tables.xlsx.CHARACTERS", 25)

    result = copy.command(
        "export",
        "--format",
        "xlsx",
        "--tables",
        "roles,user_roles,sensitive_permissions",
        "--out",
        str(tmp_path),
    )

    assert result.code == 0
    assert result.err == (
        "Warning: 8 texts of sensitive_permissions.permission had more than 25 characters, the most that a "
        "cell holds, and now end in '… [cut]'; parquet and jsonl have the full texts.\n"
    )
    assert result.out.splitlines()[-1].strip() == str(tmp_path / "tables.xlsx")


def test_a_folder_where_a_file_is_meant(copy: Installation, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")

    result = copy.command("export", "--format", "csv", "--out", str(tmp_path / "file"))

    assert result.code == 1
    assert result.sentence == (
        f"{tmp_path / 'file'} is a file, but this format writes a folder; name another path with --out."
    )


def test_nothing_is_published(home: Path) -> None:
    result = Installation(home).command("export", "--format", "csv")

    assert result.code == 1
    assert result.sentence == f"Nothing is published at {home / 'identity_graph.duckdb'} yet; run sync first."
    assert not home.exists()


def test_a_file_of_another_version(home: Path) -> None:
    home.mkdir()
    duckdb.connect(str(home / "identity_graph.duckdb")).close()

    result = Installation(home).command("export", "--format", "csv")

    assert result.code == 1
    assert result.sentence == ("The published file is of another version of pipedrive-graph; run sync first.")


def test_unknown_format(copy: Installation) -> None:
    result = copy.command("export", "--format", "excel")

    assert result.code == 2
    assert "'excel' is not one of 'csv', 'parquet'," in result.err


@pytest.fixture
def tomorrow(tmp_path: Path) -> Settings:
    """A published file whose graph has kinds and properties that this version does not know."""
    home = tmp_path / "tomorrow"
    home.mkdir()
    with duckdb.connect(str(home / "identity_graph.duckdb")) as connection:
        connection.execute(
            """
            CREATE TABLE current_snapshot AS
                SELECT 'a' AS company, 's' AS snapshot_id, TIMESTAMP '2026-11-21' AS as_of,
                    'complete' AS status, 1::BIGINT AS company_id;
            CREATE TABLE findings(company VARCHAR);
            CREATE TABLE toxic_combinations(
                company VARCHAR, combination VARCHAR, severity VARCHAR, title VARCHAR, clause INTEGER,
                permission VARCHAR
            );
            CREATE TABLE nodes(
                company VARCHAR, node_id VARCHAR, kind VARCHAR, label VARCHAR, properties JSON
            );
            INSERT INTO nodes VALUES
                ('a', 'user:1', 'user', 'Ana', '{"kind": "person", "score": 0.5, "tags": ["x", null, "y"]}'),
                ('a', 'user:2', 'user', NULL, '{"score": 2, "tags": [], "deep": {"er": [1]}, "big": 7}'),
                ('a', 'data-field:1', 'data-field', 'Field', '{"big": "seven"}');
            CREATE TABLE edges(
                company VARCHAR, source VARCHAR, target VARCHAR, kind VARCHAR, properties JSON
            );
            INSERT INTO edges VALUES
                ('a', 'user:1', 'data-field:1', 'reads', '{}'),
                ('a', 'user:1', 'data-field:1', 'writes-to', '{"times": 3}'),
                ('a', 'user:1', 'user:1', 'trusts', '{}');
            """
        )
    return Settings(home, ())


def test_findings_of_a_file_that_was_published_without_the_rules(tomorrow: Settings) -> None:
    for form in ("sarif", "ocsf"):
        with pytest.raises(WarehouseError, match=r"^The published file is of another version of pipedr"):
            export(tomorrow, ExportRequest(form))


def test_graphml_of_kinds_to_come(tomorrow: Settings) -> None:
    graph = nx.read_graphml(export(tomorrow, ExportRequest("graphml")).path)

    assert dict(graph.nodes(data=True)) == {
        "a/data-field:1": {
            "company": "a", "node_id": "data-field:1", "kind": "data-field", "label": "Field", "big": "seven",
        },
        "a/user:1": {
            "company": "a", "node_id": "user:1", "kind": "user", "label": "Ana", "property_kind": "person",
            "score": 0.5, "tags": '["x", "y"]',
        },
        "a/user:2": {
            "company": "a", "node_id": "user:2", "kind": "user", "score": 2.0, "tags": "[]",
            "deep": '{"er":[1]}', "big": "7",
        },
    }  # fmt: skip
    # edges of two kinds between the same two nodes stay two
    found = [(start, end, data["kind"], data.get("times")) for start, end, data in graph.edges(data=True)]
    assert sorted(found) == [
        ("a/user:1", "a/data-field:1", "reads", None),
        ("a/user:1", "a/data-field:1", "writes-to", 3),
        ("a/user:1", "a/user:1", "trusts", None),
    ]


def test_neo4j_of_kinds_to_come(tomorrow: Settings) -> None:
    folder = export(tomorrow, ExportRequest("neo4j")).path

    assert (folder / "nodes_user.csv").read_text(encoding="utf-8").splitlines() == [
        "id:ID,company,node_id,kind,label,big:long,deep,property_kind,score:double,tags:string[],:LABEL",
        "a/user:1,a,user:1,user,Ana,,,person,0.5,x\x1fy,Pipedrive\x1fUser",
        'a/user:2,a,user:2,user,,7,"{""er"":[1]}",,2,"",Pipedrive\x1fUser',
    ]
    assert (folder / "edges_writes_to.csv").read_text(encoding="utf-8").splitlines() == [
        ":START_ID,:END_ID,company,kind,times:long,:TYPE",
        "a/user:1,a/data-field:1,a,writes-to,3,WRITES_TO",
    ]


def test_bloodhound_of_kinds_to_come(tomorrow: Settings) -> None:
    folder = export(tomorrow, ExportRequest("bloodhound")).path

    data = json.loads((folder / "graph.json").read_text(encoding="utf-8"))["graph"]
    assert [node["kinds"] for node in data["nodes"]] == [["PD_DataField"], ["PD_User"], ["PD_User"]]
    assert data["nodes"][1]["properties"] == {
        "name": "Ana", "displayname": "Ana", "company": "a", "node_id": "user:1", "pd_kind": "person",
        "score": 0.5, "tags": ["x", "y"],
    }  # fmt: skip
    assert [edge["kind"] for edge in data["edges"]] == ["PD_Reads", "PD_Trusts", "PD_WritesTo"]
    extension = json.loads((folder / "extension.json").read_text(encoding="utf-8"))
    assert {kind["name"] for kind in extension["node_kinds"]} >= {"PD_DataField", "PD_User"}
    assert {kind["name"] for kind in extension["relationship_kinds"]} >= {
        "PD_Reads",
        "PD_Trusts",
        "PD_WritesTo",
    }


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files to another user")
@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        pytest.param(("export", "--format", "graphml"), "graph.graphml", id="file", marks=pytest.mark.slow),
        pytest.param(("export", "--format", "csv"), "tables", id="folder", marks=pytest.mark.slow),
        pytest.param(("export", "--format", "xlsx"), "book.xlsx", id="workbook", marks=pytest.mark.slow),
        pytest.param(("report",), "report.html", id="report"),
        pytest.param(("review", "open"), "review.xlsx", id="review", marks=pytest.mark.slow),
    ],
)
def test_in_a_shared_folder_no_link_of_another_user_is_written_through(
    installation, tmp_path: Path, arguments, name
) -> None:
    """Another user knows the names under which an export is written, and puts links and files there."""
    installation.night()
    shared, victims = tmp_path / "shared", tmp_path / "victims"
    shared.mkdir()
    shared.chmod(0o1777)
    victims.mkdir()
    target = shared / name
    for place in (f".{name}.tmp", f".{name}.lock", f".{name}.old"):
        (shared / place).symlink_to(victims / place)
    for linked in (True, False):
        for place in (f".{name}.tmp", f".{name}.lock", name):
            (victims / place).write_bytes(b"precious")
        if linked:
            target.symlink_to(victims / name)
            for path in shared.iterdir():
                os.chown(path, 4001, 4001, follow_symlinks=False)
        result = installation.command(*arguments, "--out", str(target))
        assert result.code in ({0} if not linked else {1, 2}), result
        assert "Unexpected" not in result.err
        for place in (f".{name}.tmp", f".{name}.lock", name):
            assert (victims / place).read_bytes() == b"precious"
        for path in shared.iterdir():
            path.unlink() if path.is_symlink() else None
    state = target.stat()
    assert (state.st_uid, state.st_mode & 0o077) == (0, 0)
