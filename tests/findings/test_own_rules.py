"""Custom rules: loaded, checked with file and line, and run like the shipped rules."""

from __future__ import annotations

import json
import re
import resource
import signal
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path

import dagster as dg
import duckdb
import pytest
from installation import Installation, rebuild
from published import query, tables
from rule_file import about_users, rule_file

from pipedrive_graph.common.resources import sql_folder
from pipedrive_graph.errors import ConfigurationError, PipedriveGraphError
from pipedrive_graph.findings import custom_rules
from pipedrive_graph.orchestration.build import JOB, build_definitions
from pipedrive_graph.simulator import faults
from pipedrive_graph.warehouse import database
from pipedrive_graph.warehouse.lineage import column_lineage
from pipedrive_graph.warehouse.sql_model import Kind
from pipedrive_graph.warehouse.sql_project import Models

SHIPPED = Models(sql_folder())
DOCS = Path(__file__).parents[2] / "docs" / "own_rules.md"
NAME, EXAMPLE = re.findall(r"`rules/(\w+)\.sql`:\n\n```sql\n(.+?)```", DOCS.read_text(), flags=re.DOTALL)[0]

RULE = rule_file(
    about_users("users\nWHERE live", title="label || ' is there.'"), comment="One row per live user."
)


SPILLED = "SELECT 'what takes room ' || range AS text, count(*) FROM range(4000000) GROUP BY text"
HELD = "SELECT list('what takes room ' || range) AS texts FROM range(4000000) HAVING len(texts) > 0"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder for rules."""
    (tmp_path / "rules").mkdir()
    return tmp_path / "rules"


def told(folder: Path, text: str | bytes, name: str = "lives") -> list[str]:
    """What is said of a rule that cannot be used, without the folder."""
    (folder / f"{name}.sql").write_bytes(text if isinstance(text, bytes) else text.encode())
    models = custom_rules.added(SHIPPED, folder)
    assert len(models.of("rules")) + len(models.broken) == len(SHIPPED.of("rules")) + 1
    return [sentence.removeprefix(f"{folder}/") for sentence in models.broken.values()]


def test_a_rule_is_added(folder: Path) -> None:
    assert told(folder, RULE) == []
    models = custom_rules.added(SHIPPED, folder)
    rule = models["rules.lives"]
    assert (rule.kind, rule.reads, rule.line) == (Kind.RULE, {"main.users"}, 11)
    assert "rules.lives" not in [model.qualified for model in SHIPPED]


def test_an_age_at_a_time_is_the_same_each_time(folder: Path) -> None:
    assert (
        told(folder, RULE.replace("WHERE live", "WHERE age(permissions_observed_at, created) > '1 day'"))
        == []
    )


VOLATILE = (
    "now()", "NOW ()", "now(/* at */)", '"now"()', "main.now()", "system.main.now()", "current_timestamp",
    "transaction_timestamp()", "get_current_timestamp()", "CURRENT_DATE", "current_date()", "today()",
    "current_time",
    "get_current_time()", "localtime", "localtimestamp", "current_localtime()", "current_localtimestamp()",
    "age(created)", "created.age()", "main.age(created)", "ago(INTERVAL 3 DAY)", "random()",
    "[random() for x in [1]]", "uuid()", "gen_random_uuid()", "uuidv4()", "uuidv7()", "nextval('s')",
    "currval('s')", "setseed(0.5)",
    "reservoir_quantile(user_id, 0.5)", "txid_current()", "current_query()", "current_database()",
    "current_schema()", "current_setting('threads')", "'threads'.current_setting()", "getvariable('x')",
    "version()", "date_trunc('day', now())",
)  # fmt: skip


@pytest.mark.slow
def test_a_function_that_gives_something_else_each_time_is_refused(folder: Path) -> None:
    for at, call in enumerate(VOLATILE):
        text = RULE.replace("WHERE live", f"WHERE live AND {call} IS NOT NULL")
        (folder / f"rule_{at:02}.sql").write_text(text)

    sentences = list(custom_rules.added(SHIPPED, folder).broken.values())

    assert len(sentences) == len(VOLATILE)
    for call, sentence in zip(VOLATILE, sentences, strict=True):
        assert re.search(r"line 20: \w+ gives another result each time, so a rebuild would", sentence), (
            call,
            sentence,
        )


CONSISTENT = (
    "created + (INTERVAL 1 DAY)", "created - (INTERVAL 1 DAY)", "age(permissions_observed_at, created)",
    "permissions_observed_at.age(created)", "age(struct_pack(a := created).a, permissions_observed_at)",
    *(
        f"{name}(created)"
        for name in (
            "century", "day", "dayname", "dayofmonth", "dayofweek", "dayofyear", "decade", "era", "hour",
            "isodow", "isoyear", "julian", "last_day", "microsecond", "millennium", "millisecond", "minute",
            "month", "monthname", "quarter", "second", "week", "weekday", "weekofyear", "year", "yearweek",
        )
    ),
    *(
        f"{name}('day', created, permissions_observed_at)"
        for name in ("date_diff", "datediff", "date_sub", "datesub")
    ),
    *(f"{name}('day', created)" for name in ("date_part", "datepart", "date_trunc", "datetrunc")),
    "time_bucket(INTERVAL 7 DAY, created)", "strftime(created, '%Y')", "range(3)", "generate_series(1, 3)",
    "timezone('Europe/Berlin', created)", "created AT TIME ZONE 'Europe/Berlin'",
    "make_timestamptz(2026, 1, 1, 0, 0, 0.0)", "timezone_hour(CAST(created AS TIMESTAMPTZ))",
    "timezone_minute(CAST(created AS TIMESTAMPTZ))", "date_trunc('day', CAST(created AS TIMESTAMPTZ))",
)  # fmt: skip


@pytest.mark.slow
def test_a_function_with_an_inconsistent_overload_can_be_called_by_another_one(folder: Path) -> None:
    for at, call in enumerate(CONSISTENT):
        text = RULE.replace("WHERE live", f"WHERE live AND ({call}) IS NOT NULL")
        (folder / f"rule_{at}.sql").write_text(text)

    assert custom_rules.added(SHIPPED, folder).broken == {}


def test_a_query_in_a_text_is_no_table(folder: Path) -> None:
    hidden = "json_execute_serialized_sql(json_serialize_sql('SELECT random()'))"
    assert told(folder, RULE.replace("FROM users", f"FROM users SEMI JOIN {hidden} ON TRUE")) == [
        "lives.sql: line 19: json_execute_serialized_sql is not allowed; read the tables of the graph."
    ]


def test_where_there_are_none_nothing_is_done(folder: Path) -> None:
    (folder / "notes.txt").write_text("not a rule")
    (folder / ".lives.sql").write_text("an editor's")

    assert custom_rules.added(SHIPPED, folder) is SHIPPED
    assert custom_rules.added(SHIPPED, folder / "nowhere") is SHIPPED


def test_a_folder_that_is_none(folder: Path) -> None:
    (folder / "file").write_text("")
    with pytest.raises(
        ConfigurationError, match=r"^Cannot read the folder of your own rules, .*/file: Not a"
    ):
        custom_rules.added(SHIPPED, folder / "file")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("-- One row per live user.\n", "", "the header must open with a sentence"),
        ("-- remedy: Say hello.\n", "", "the header needs a line 'remedy: …'."),
        ("remedy:", "remdy:", "unknown setting 'remdy:' in the header; did you mean remedy?"),
        ("-- title: Lives", "-- Lives", "line 3: expected 'name: text', got 'Lives'."),
        ("severity: info", "severity: bad", "severity must be one of critical, high, medium,"),
        ("identity: subject", "identity: user", "identity must be 'subject' or 'subject, object'."),
        ("needs: users", "needs: user", "unknown endpoint 'user' in needs; did you mean users? Use users,"),
        ("needs: users", "kind: table\n-- needs: users", "kind must be rule for a file in the"),
        ("needs: users", "event: no\n-- needs: users", "event can only be yes; leave the line out"),
        ("needs: users", "event: yes\n-- needs: users", "identity must be 'subject, snapshot_id' or"),
        ("company,\n", "company,,\n", "line 12: "),
        ("'user' AS", "'user AS", ""),
        ("FROM users", "FROM user_s", "line 19: Catalog Error: Table with name user_s does not exist."),
        ("FROM users", "FROM staging.users", "line 19: Catalog Error: Table with name \"staging.users\""),
        ("FROM users", "FROM landing.batch", "line 19: Catalog Error: "),
        ("FROM users", "FROM rules.dormant_user", "line 19: Catalog Error: "),
        ("FROM users", "FROM history.nothing", "line 19: Catalog Error: "),
        ("FROM users", "FROM 'users.csv'", "Permission Error: Cannot access file"),
        ("FROM users", "FROM read_text('/etc/passwd')", "line 19: Permission Error: Cannot access"),
        ("FROM users", "FROM query('FROM history.findings')", "line 19: query is not allowed; read the"),
        ("FROM users", "FROM duckdb_settings()", "line 19: duckdb_settings is not allowed; read the tables"),
        ("WHERE live", "WHERE alive", 'line 20: Binder Error: Referenced column "alive" not found'),
        ("WHERE live", "WHERE created < now()", "line 20: now gives another result each time"),
        ("WHERE live", "WHERE created < current_date", "line 20: current_date gives another"),
        ("WHERE live", "WHERE random() < 0.5", "line 20: random gives another result each time"),
        ("WHERE live", "WHERE age(created) > INTERVAL 1 YEAR", "line 20: age gives another result each time"),
        ("FROM users", "FROM users TABLESAMPLE reservoir(3 ROWS)", "line 19: TABLESAMPLE gives another"),
        ("WHERE live", "WHERE live USING SAMPLE 3 ROWS", "line 20: SAMPLE gives another result each time"),
        ("WHERE live", "WHERE live; DELETE FROM users", "expected one bare SELECT."),
        ("SELECT\n", "DELETE FROM users;\nSELECT\n", "expected one bare SELECT."),
        ("    company,\n", "", "has no column company."),
        ("CAST(user_id AS VARCHAR)", "user_id", "line 14: subject_id must be VARCHAR, not BIGINT; "),
        ("CAST(NULL AS VARCHAR)", "NULL", "line 15: object must be VARCHAR, not NULL; write CAST("),
        ("to_json({'user': label})", "{'user': label}", "line 18: evidence must be JSON, not STRUCT; "),
        (" AS evidence", " AS evidence, email", "line 18: a rule has no column email."),
        ("SELECT\n", "WITH roles AS (SELECT 1) SELECT\n", "the CTE roles hides a table of that name; re"),
        ("FROM users", "FROM users SEMI JOIN findings USING (company)", "reads the findings, which"),
    ],
)  # fmt: skip
def test_what_cannot_be_used_is_told_by_its_place(folder: Path, old: str, new: str, sentence: str) -> None:
    [found] = told(folder, RULE.replace(old, new, 1))

    assert found.startswith(f"lives.sql: {sentence}")
    assert found.endswith((".", "?"))
    assert "\n" not in found


def test_a_query_that_is_nested_too_deeply_is_one_rule(folder: Path) -> None:
    text = RULE.replace("WHERE live", f"WHERE {'(' * 3000}live{')' * 3000}")

    assert told(folder, text) == ["lives.sql: its query is nested too deeply."]


def test_a_file_in_another_encoding(folder: Path) -> None:
    text = RULE.replace("Say hello.", "Grüßen.")

    assert told(folder, text.encode("latin-1")) == [
        "lives.sql: line 6: not valid UTF-8; save the file as UTF-8."
    ]
    assert told(folder, b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode()) == []


@pytest.mark.parametrize("name", ["dormant_admin", "Lives", "who-lives", "1st", "lives.old"])
def test_a_name_that_cannot_be(folder: Path, name: str) -> None:
    [found] = told(folder, RULE, name)

    assert found.startswith(f"{name}.sql: ")
    taken = name == "dormant_admin"
    assert ("a shipped rule has this name" in found) is taken
    assert custom_rules.added(SHIPPED, folder)["rules.dormant_admin"] == SHIPPED["rules.dormant_admin"]


def test_an_event_has_its_snapshot(folder: Path) -> None:
    event = RULE.replace("identity: subject", "identity: subject, snapshot_id\n-- event: yes")

    assert told(folder, event) == ["lives.sql: has no column snapshot_id."]
    assert told(folder, event.replace("FROM", ", snapshot_id FROM users_of FROM").replace(
        ", snapshot_id FROM users_of FROM users",
        ", snapshot_id FROM users INNER JOIN current_snapshot USING (company)",
    )) == []  # fmt: skip


def night(installation: Installation, **texts: str | None) -> list[str]:
    """Run a night with these rules (None takes one away); what is said of those that cannot be run."""
    folder = installation.home / "rules"
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in texts.items():
        path = folder / f"{name}.sql"
        path.write_text(text) if text else path.unlink()
    return [
        line.replace(f"{folder}/", "")
        for line in installation.command("sync").err.splitlines()
        if line.startswith("Warning: ")
    ]


def states(installation: Installation, rule: str) -> list[tuple[object, ...]]:
    return query(
        installation.published,
        "SELECT status, resolved_reason, count(*) > 0 FROM findings WHERE rule = ? GROUP BY ALL",
        rule,
    )


@pytest.mark.slow
def test_the_example_of_the_docs(serve, home) -> None:
    installation = Installation.of(home, serve(users=60))

    assert night(installation, **{NAME: EXAMPLE}) == []

    found = query(
        installation.published,
        "SELECT subject_id, object, severity, remedy, evidence FROM findings"
        " WHERE rule = ? AND status = 'open' ORDER BY 1",
        NAME,
    )
    expected = query(
        installation.published,
        "SELECT CAST(user_id AS VARCHAR) FROM users JOIN user_permissions USING (company, user_id)"
        " JOIN current_snapshot USING (company) WHERE live AND granted AND permission = 'can_use_api'"
        " AND last_login < as_of - INTERVAL 30 DAY ORDER BY 1",
    )
    assert [(subject,) for subject, *_ in found] == expected
    assert expected
    assert {(flag, remedy) for _, flag, _, remedy, _ in found} == {
        ("can_use_api", "Ask the person. If they no longer use the API, revoke the permission.")
    }
    assert json.loads(found[0][-1])["days_since_login"] >= 30
    report = (home / "reports" / "default" / "findings.csv").read_text(encoding="utf-8-sig")
    assert NAME in report

    rule = "SELECT severity, event, remedy, controls, needs FROM rules WHERE rule = ?"
    assert query(installation.published, rule, NAME) == [
        (
            "medium",
            False,
            "Ask the person. If they no longer use the API, revoke the permission.",
            "Access policy 4.2",
            ["users", "users/{id}/permissions"],
        )
    ]
    assert installation.command("export", "--format", "sarif").code == 0
    exported = json.loads((home / "exports" / "sarif" / "findings.sarif").read_text())["runs"][0]
    texts = {rule["id"]: rule["shortDescription"]["text"] for rule in exported["tool"]["driver"]["rules"]}
    assert texts[NAME] == "Idle API access"
    places = {
        result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
        for result in exported["results"]
        if result["ruleId"] == NAME
    }
    assert places == {f"rules/{NAME}.sql"}

    published = tables(installation.published)
    assert installation.command("rebuild").code == 0
    assert tables(installation.published) == published


@pytest.mark.slow
def test_a_night_without_one_of_the_rules_is_not_silent(serve, home) -> None:
    installation = Installation.of(home, serve(users=8, clean=True))
    (home / "rules").mkdir(parents=True)
    (home / "rules" / "lives.sql").write_text(RULE.replace("WHERE live", "WHERE created < now()"))

    shown = installation.command("sync")
    assert (shown.code, "1 rule was not run: lives." in shown.out) == (4, True)
    report = (home / "reports" / "default" / "access_report.html").read_text()
    assert "The rule <code>lives</code> could not be run." in report
    shown = installation.command("rebuild")
    assert (shown.code, "now gives another result each time" in shown.err) == (4, True)

    shown = installation.command("sync", "--json")
    assert (shown.code, shown.objects[0]["status"]) == (4, "complete")
    assert shown.objects[0]["rules_not_run"] == ["lives"]
    (home / "rules" / "lives.sql").write_text(RULE)
    shown = installation.command("sync", "--json")
    assert (shown.code, "rules_not_run" in shown.objects[0]) == (0, False)


@pytest.mark.slow
def test_a_rule_that_breaks_keeps_what_it_found_and_the_others_are_run(serve, home) -> None:
    installation = Installation.of(home, serve(users=8, clean=True))
    assert night(installation, lives=RULE, alive=RULE) == []

    other = "The other rules were run; the earlier findings of this rule stay as they are."
    [warning] = night(installation, lives=RULE.replace("WHERE live", "WHERE alive"), alive=None)
    assert warning.startswith('Warning: lives.sql: line 20: Binder Error: Referenced column "alive"')
    assert warning.endswith(other)
    assert states(installation, "lives") == [("open", None, True)]
    assert states(installation, "alive") == [("resolved", "rule changed", True)]

    # what only data can show
    twice = RULE.replace("FROM users", "FROM users CROSS JOIN range(2)")
    [warning] = night(installation, lives=twice, alive=RULE)
    assert re.match(r"Warning: lives\.sql: the row of default user \d+ occurs more than once; ", warning)
    assert states(installation, "lives") == states(installation, "alive") == [("open", None, True)]
    assert installation.command("rebuild").err.startswith(f"{home}/rules/lives.sql: the row of default user")

    assert night(installation, lives=None) == []
    assert states(installation, "lives") == []  # never found anything, in the rebuilt warehouse


@pytest.mark.slow
def test_doctor_shows_own_rules(serve, home) -> None:
    installation = Installation.of(home, serve(users=8))
    (home / "rules").mkdir(parents=True)
    assert "rules " not in installation.command("doctor").out

    (home / "rules" / "lives.sql").write_text(RULE)
    shown = installation.command("doctor")
    assert (shown.code, shown.err) == (0, "")
    assert f"1 custom rule in {home}/rules" in shown.out

    (home / "rules" / "broken.sql").write_text(RULE.replace("FROM users", "FROM nowhere"))
    shown = installation.command("doctor")
    assert shown.code == 4  # as of a sync, which runs the others
    assert f"{home}/rules/broken.sql: line 19: Catalog Error: Table with name nowhere" in shown.out
    assert f"1 custom rule in {home}/rules" in shown.out

    (home / "findings.toml").write_text("[rules]\nfolder = 'ours'\n")
    shown = installation.command("doctor")
    assert shown.code == 2
    assert f"[rules] folder: {home}/ours does not exist" in shown.out


GROUNDED = rule_file(
    """\
SELECT DISTINCT
    company,
    'company' AS subject_kind,
    company AS subject_id,
    CAST(NULL AS VARCHAR) AS object,
    'low' AS severity,
    'Somebody can fly.' AS title,
    to_json({'permission': 'can_fly'}) AS evidence
FROM user_permissions
INNER JOIN users USING (company, user_id)
WHERE permission = 'can_fly'
    AND granted
    AND NOT admin""",
    comment="One row per company in which somebody can fly who is no admin.",
    title="Somebody flies",
    severity="low",
    needs="users, all users/{id}/permissions",
)


@pytest.mark.slow
def test_a_subject_that_was_never_known_is_not_gone(serve, home) -> None:
    simulator = serve(users=8, clean=True)
    company, found = simulator.company, "SELECT status, resolved_reason FROM findings WHERE rule = 'grounded'"
    (home / "rules").mkdir(parents=True)
    (home / "rules" / "grounded.sql").write_text(GROUNDED)
    installation = Installation.of(home, simulator, custom_rules.added(SHIPPED, home / "rules"))
    flier, other = [user.id for user in company.users.values() if user.active][-2:]
    company.grant(flier, "can_fly")
    installation.night()
    assert query(installation.published, found) == [("open", None)]

    company.revoke(flier, "can_fly")
    simulator.faults.add(f"users/{other}/permissions", faults.forbidden)
    installation.night()
    assert query(installation.published, found) == [("open", None)]

    simulator.faults.clear()
    installation.night()
    assert query(installation.published, found) == [("resolved", "fixed")]


def test_a_named_folder_that_is_missing_stops_sync(serve, home) -> None:
    simulator = serve(users=8)
    installation = Installation.of(home, simulator)
    home.mkdir()
    (home / "findings.toml").write_text("[rules]\nfolder = 'ours'\n")

    shown = installation.command("sync")

    assert shown.code == 2
    assert shown.sentence == f"{home}/findings.toml: [rules] folder: {home}/ours does not exist."
    assert simulator.requests == []


@pytest.mark.slow
def test_own_rules_are_assets(serve, home, monkeypatch) -> None:
    installation = Installation.of(home, serve(users=8))
    (home / "rules").mkdir(parents=True)
    (home / "rules" / "lives.sql").write_text(RULE)
    (home / "rules" / "broken.sql").write_text("SELECT 1")

    definitions = build_definitions(installation.settings)
    graph = definitions.resolve_asset_graph()
    checks = {key.name: graph.get_check_spec(key) for key in graph.asset_check_keys}

    assert checks["lives"].asset_key == dg.AssetKey(["graph", "findings"])
    assert checks["lives"].description == "**Lives** (info). Somebody is there.\n\n*What to do:* Say hello."
    assert "broken" not in checks

    models = custom_rules.added(SHIPPED, home / "rules")
    assert column_lineage(models, [models["rules.lives"]])["rules.lives"]["title"] == [
        ("main.users", "label")
    ]

    for name, value in installation.environment.items():
        monkeypatch.setenv(name, value)
    with dg.DagsterInstance.ephemeral() as instance:
        result = definitions.resolve_job_def(JOB).execute_in_process(instance=instance)
    [check] = [one for one in result.get_asset_check_evaluations() if one.check_name == "rules_ran"]
    assert not check.passed
    assert f"{home}/rules/broken.sql: the header must open with a sentence" in check.description


@pytest.mark.slow
def test_a_rule_that_needs_the_access_is_fixed_by_an_answer_about_it(serve, home) -> None:
    simulator = serve(users=8, clean=True)
    installation = Installation.of(home, simulator)
    (home / "rules").mkdir(parents=True)
    (home / "rules" / "lives.sql").write_text(RULE.replace("needs: users", "needs: users, users/{id}/access"))
    installation.models = custom_rules.added(SHIPPED, home / "rules")
    somebody = simulator.company.plain_user_id
    found = "SELECT status, resolved_reason FROM findings WHERE rule = 'lives' AND subject_id = ?"

    installation.night()
    assert query(installation.published, found, str(somebody)) == [("open", None)]
    simulator.company.deactivate(somebody)
    installation.night()
    assert query(installation.published, found, str(somebody)) == [("resolved", "fixed")]


@contextmanager
def files_at_most(size: int) -> Iterator[None]:
    """No file can be made larger, as on a disk that is full."""
    sizes = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, sizes[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, sizes)
        signal.signal(signal.SIGXFSZ, before)


@contextmanager
def spilling_at_most(size: str) -> Iterator[None]:
    """DuckDB may put no more into temporary files; by default that is what is free."""
    bound = database._bound_memory

    def bound_more(connection: duckdb.DuckDBPyConnection, path: Path) -> None:
        bound(connection, path)
        connection.execute(f"SET max_temp_directory_size = '{size}'")

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(database, "_bound_memory", bound_more)
        yield


@pytest.mark.slow
@pytest.mark.parametrize(
    ("full", "large", "said"),
    [
        (files_at_most(8_000_000), SPILLED, "No space is left to write {}/warehouse.duckdb; free some"),
        (spilling_at_most("8MB"), SPILLED, "No space is left to write {}/warehouse.duckdb; free some"),
        (nullcontext(), HELD, "There is not enough memory (Out of Memory Error: "),
    ],
    ids=["a file", "what spills", "memory"],
)
def test_a_rule_that_meets_a_full_disk_is_not_broken(serve, home, monkeypatch, full, large, said) -> None:
    installation = Installation.of(home, serve(users=8, clean=True))
    (home / "rules").mkdir(parents=True)
    (home / "rules" / "lives.sql").write_text(
        RULE.replace("WHERE live", f"WHERE live AND (SELECT count(*) FROM ({large})) > 0")  # noqa: S608
    )
    installation.models = custom_rules.added(SHIPPED, home / "rules")
    with monkeypatch.context() as patched:
        patched.setattr(database, "MEMORY", 150_000_000)  # so that it has to write what it counts
        with full, pytest.raises(PipedriveGraphError) as caught:
            installation.night()
    assert str(caught.value).startswith(said.format(home))

    installation.night()
    assert query(installation.published, "SELECT outcome FROM rule_runs WHERE rule = 'lives'") == [("ran",)]


@pytest.mark.slow
def test_a_rule_that_is_taken_away_while_a_night_runs(serve, home) -> None:
    installation = Installation.of(home, serve(users=8, clean=True))
    (home / "rules").mkdir(parents=True)
    (home / "rules" / "lives.sql").write_text(RULE)
    models = custom_rules.added(SHIPPED, home / "rules")
    (home / "rules" / "lives.sql").unlink()

    replace(installation, models=models).night()

    assert states(installation, "lives") == [("open", None, True)]
    rebuild(installation.settings, custom_rules.added(SHIPPED, home / "rules"))
    assert states(installation, "lives") == []
