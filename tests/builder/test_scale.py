"""What keeps large companies and long histories affordable, and that it makes no difference otherwise."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path

import duckdb
import pytest
from installation import MODELS, Installation, build_company, rebuild
from published import differing, query, tables
from rule_file import about_users, rule_file

from benchmarks.snapshots import LandingSpec, write
from pipedrive_graph.builder import build, process_snapshot
from pipedrive_graph.common import files
from pipedrive_graph.config.settings import Settings, load
from pipedrive_graph.errors import WarehouseError
from pipedrive_graph.findings import custom_rules
from pipedrive_graph.warehouse import checks, database, transform
from pipedrive_graph.warehouse.tables import TABLES

COMPANIES, USERS, NIGHTS = 3, 40, 2


def settings(home: Path) -> Settings:
    return load({"PIPEDRIVE_GRAPH_HOME": str(home)})


def versions(home: Path) -> dict[str, list[int]]:
    """Rows of each table of the history that began with each night."""
    begun = {}
    with duckdb.connect(str(settings(home).warehouse), read_only=True) as connection:
        for table in TABLES:
            counted = connection.execute(
                f"SELECT count(*) FROM history.{table.name} GROUP BY valid_from ORDER BY valid_from"  # noqa: S608
            ).fetchall()
            begun[table.name] = [count for (count,) in counted]
    return begun


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three companies after two nights; between them one user of each had one flag changed."""
    home = tmp_path_factory.mktemp("scale")
    write(home, LandingSpec(COMPANIES, USERS, NIGHTS))
    rebuild(settings(home), MODELS)
    return home


@pytest.fixture
def one_night_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let each build take one snapshot, although all of them are there."""
    every = process_snapshot.ingest.pending
    monkeypatch.setattr(process_snapshot.ingest, "pending", lambda landing, seen: every(landing, seen)[:1])


def test_the_same_landing_is_written_every_time(home: Path, tmp_path: Path) -> None:
    write(tmp_path, LandingSpec(COMPANIES, USERS, NIGHTS))

    def content(folder: Path) -> dict[Path, bytes]:
        return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*.*z")}

    assert content(tmp_path) == content(home)


def test_the_history_grows_by_what_has_changed(home: Path) -> None:
    first, *later = versions(home)["user_permissions"]
    assert first == COMPANIES * USERS * 31
    # one user of each company, one flag of theirs
    assert later == [COMPANIES]
    grown = [sum(nights[1:]) for nights in versions(home).values()]
    assert sum(grown) == COMPANIES  # and nothing else, although most have logged in


@pytest.mark.slow
def test_batches_and_single_companies_make_the_same(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = tables(settings(home).published)

    # a company beside others that are there already, one after the other
    single = tmp_path / "single"
    write(single, LandingSpec(COMPANIES, USERS, NIGHTS))
    for company in ("co000002", "co000000", "co000001"):
        build_company(settings(single), MODELS, company)
    build.publish(settings(single), MODELS, on_wait=print)
    assert differing(tables(settings(single).published), expected) == {}

    # all of them, in batches of two and one
    monkeypatch.setattr(build, "_BATCH_USERS", 2 * USERS)
    rebuild(settings(single), MODELS)
    assert differing(tables(settings(single).published), expected) == {}


BREAKS = rule_file(
    about_users(
        """users
INNER JOIN current_snapshot USING (company)
INNER JOIN (VALUES (1), (2)) AS copies(n)
    ON n = 1
    OR company = 'co000000'
    OR (company = 'co000001' AND as_of = first_seen)""",
        title="'somebody'",
        evidence="{'n': 1}",
    ),
    comment="One row per user; in one company two, and in another as well, but in its first night only.",
)


@pytest.mark.slow
def test_a_rule_that_one_company_breaks_is_run_for_the_others_in_a_rebuild_too(
    home: Path, tmp_path: Path
) -> None:
    shutil.copytree(home / "landing", tmp_path / "landing")
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "breaks.sql").write_text(BREAKS)
    models = custom_rules.added(MODELS, tmp_path / "rules").without(
        [rule.qualified for rule in MODELS.of("rules")]
    )
    for company in ("co000000", "co000001", "co000002"):
        build_company(settings(tmp_path), models, company)
    build.publish(settings(tmp_path), models, on_wait=print)
    nights = tables(settings(tmp_path).published)
    runs = "SELECT company, outcome, fired FROM rule_runs ORDER BY company"
    found = "SELECT company, count(*) FROM findings GROUP BY company ORDER BY company"

    for _ in range(2):
        assert query(settings(tmp_path).published, runs) == [
            ("co000000", "broken", None),
            ("co000001", "ran", USERS),
            ("co000002", "ran", USERS),
        ]
        assert query(settings(tmp_path).published, found) == [("co000001", USERS), ("co000002", USERS)]
        built = rebuild(settings(tmp_path), models)
        assert len(built.broken) == 1
    assert differing(tables(settings(tmp_path).published), nights) == {}


@pytest.mark.slow
def test_a_company_whose_name_lies_between_those_of_a_batch_is_left_alone(home: Path, tmp_path: Path) -> None:
    shutil.copytree(home / "landing", tmp_path / "landing")
    first, second = sorted((tmp_path / "landing" / "co000001").iterdir())
    shutil.rmtree(second)

    rebuild(settings(tmp_path), MODELS)

    before, after = tables(settings(home).published), tables(settings(tmp_path).published)
    others = {name for name, rows in before.items() if rows != after[name]}
    assert "users" in others
    for name, rows in after.items():
        assert [row for row in rows if "co000001" not in row] == [
            row for row in before[name] if "co000001" not in row
        ]
    latest = "SELECT snapshot_id, company FROM current_snapshot WHERE company = 'co000001'"
    assert query(settings(tmp_path).published, latest) == [(first.name, "co000001")]


@pytest.mark.parametrize(
    ("batch", "only"),
    [
        ("ab", "WHERE company BETWEEN 'a' AND 'b'"),
        ("b", "WHERE company BETWEEN 'b' AND 'b'"),
        ("ac", "WHERE company IN ('a', 'c')"),
        ("abc", ""),
    ],
)
def test_a_batch_is_read_as_a_range_where_nobody_else_lies_in_it(batch: str, only: str) -> None:
    with duckdb.connect() as connection:
        connection.execute("CREATE SCHEMA history; CREATE SCHEMA landing")
        connection.execute("CREATE TABLE history.snapshots AS SELECT unnest(['a', 'b', 'c']) AS company")
        connection.execute("CREATE TABLE landing.batch AS SELECT unnest(?) AS company", [list(batch)])
        assert transform._only(connection) == only


def test_of_an_answer_that_is_the_same_nothing_is_staged(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, LandingSpec(1, USERS, 2))
    staged = []
    differences = process_snapshot.history.differences

    def count(connection: duckdb.DuckDBPyConnection) -> list[tuple[str, str, int]]:
        text = "SELECT count(DISTINCT user_id) FROM staging.user_permissions"
        staged.append(connection.execute(text).fetchall()[0][0])
        return differences(connection)

    monkeypatch.setattr(process_snapshot.history, "differences", count)
    build_company(settings(tmp_path), MODELS, "co000000")

    assert staged == [USERS, 1]


def test_keys_of_long_tables_are_proven_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    model = MODELS["main.user_role_permissions"]
    # company, user_id, role_id (which may be NULL) and permission; each user has more than 126 rows
    rows = """
        SELECT
            'acme' AS company, subject AS user_id, nullif(seat, 0) AS role_id,
            concat('can_', flag) AS permission
        FROM range(20) AS subjects(subject), range(3) AS seats(seat), range(70) AS flags(flag)"""
    monkeypatch.setattr(checks, "_MANY", 100)
    with duckdb.connect() as connection:
        connection.execute(f"CREATE TABLE held AS {rows}")
        checks.check_key(connection, model, "held", count=4_200)

        connection.execute("INSERT INTO held VALUES ('acme', 7, NULL, 'can_69')")
        with pytest.raises(WarehouseError, match=r"'acme' has 2 rows with one key"):
            checks.check_key(connection, model, "held", count=4_201)


def test_access_at_knows_every_night(home: Path) -> None:
    nights = query(settings(home).published, "SELECT started_at FROM snapshots WHERE company = 'co000000'")
    flags = [
        set(
            query(
                settings(home).published,
                "SELECT user_id, permission FROM access_at(?) WHERE company = 'co000000'",
                night,
            )
        )
        for (night,) in sorted(nights)
    ]
    # one flag of one user came or went
    assert [len(before ^ after) for before, after in pairwise(flags)] == [1]


@pytest.mark.slow
def test_four_times_the_companies_take_about_four_times_as_long(tmp_path: Path) -> None:
    taken = []
    for companies in (10, 40):
        home = tmp_path / str(companies)
        write(home, LandingSpec(companies, 500))
        started = time.process_time()
        rebuild(settings(home), MODELS)
        taken.append(time.process_time() - started)
    assert taken[1] < 5 * taken[0]


def content(warehouse: Path) -> dict[str, object]:
    """How everything in a warehouse was made, and how the rows of each table add up."""
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        made: dict[str, object] = {
            kind: connection.execute(
                f"SELECT schema_name, {kind}_name, comment, sql FROM duckdb_{kind}s() ORDER BY ALL"  # noqa: S608
            ).fetchall()
            for kind in ("table", "view")
        }
        made["macro"] = connection.execute(
            "SELECT schema_name, function_name, parameters, macro_definition, comment"
            " FROM duckdb_functions() WHERE database_name = current_database() AND NOT internal ORDER BY ALL"
        ).fetchall()
        assert made["macro"]
        for schema, table in connection.execute(
            "SELECT schema_name, table_name FROM duckdb_tables()"
        ).fetchall():
            made[f"{schema}.{table}"] = connection.execute(
                f"SELECT count(*), bit_xor(hash(it)) FROM {schema}.{table} AS it"  # noqa: S608
            ).fetchall()
    return made


@pytest.fixture
def loose(home: Path, tmp_path: Path) -> Path:
    """A warehouse of whose blocks many are free."""
    warehouse = tmp_path / "warehouse.duckdb"
    shutil.copy(settings(home).warehouse, warehouse)
    with database.writer(warehouse) as connection:
        connection.execute("CREATE TABLE wide AS SELECT sha256(range::VARCHAR) AS text FROM range(1_000_000)")
    with database.writer(warehouse) as connection:
        connection.execute("CREATE TABLE tail AS FROM range(10)")
        connection.execute("CHECKPOINT")
        connection.execute("DROP TABLE wide")
    return warehouse


@pytest.mark.slow
def test_a_warehouse_with_many_free_blocks_is_written_anew(loose: Path) -> None:
    before, size = content(loose), loose.stat().st_size

    assert database.compact(loose, on_wait=pytest.fail) is None

    assert content(loose) == before
    assert loose.stat().st_size < size / 2
    assert {path.name for path in loose.parent.iterdir()} == {loose.name}

    # nothing is left to gain
    compacted = loose.stat()
    assert database.compact(loose, on_wait=pytest.fail) is None
    assert loose.stat().st_ino == compacted.st_ino


@pytest.mark.slow
def test_a_warehouse_that_is_linked_to_is_written_anew_where_it_is(loose: Path, tmp_path: Path) -> None:
    before, size = content(loose), loose.stat().st_size
    link = tmp_path / "elsewhere" / loose.name
    link.parent.mkdir()
    link.symlink_to(loose)

    assert database.compact(link, on_wait=pytest.fail) is None

    assert link.is_symlink()
    assert loose.stat().st_size < size / 2
    assert content(link) == before


@pytest.mark.slow
def test_without_space_for_the_copy_the_warehouse_stays(loose: Path) -> None:
    before, size = content(loose), loose.stat()
    # no file of a process may be longer than this
    ended = subprocess.run(
        [
            sys.executable,
            "-c",
            "import resource, signal, sys\n"
            "from pathlib import Path\n"
            "from pipedrive_graph.warehouse import database\n"
            "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
            "resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000))\n"
            "print(database.compact(Path(sys.argv[1]), on_wait=print))\n",
            str(loose),
        ],
        check=False,
        capture_output=True,
        text=True,
    )

    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout.startswith(f"{loose} could not be made smaller (")
    assert ended.stdout.endswith("); it is complete and unchanged.\n")
    assert (loose.stat().st_ino, loose.stat().st_size) == (size.st_ino, size.st_size)
    assert content(loose) == before
    assert not files.temporary_for(loose).exists()


@pytest.mark.slow
def test_a_warehouse_that_somebody_reads_stays(loose: Path) -> None:
    size = loose.stat()
    reads = "import duckdb, sys; it = duckdb.connect(sys.argv[1], read_only=True); print('open', flush=True)"
    with subprocess.Popen(
        [sys.executable, "-c", f"{reads}; sys.stdin.read()", str(loose)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as reader:
        assert reader.stdout
        assert reader.stdout.readline() == b"open\n"
        told = database.compact(loose, on_wait=pytest.fail)
        reader.communicate()

    assert told is not None
    assert told.startswith(f"{loose} could not be made smaller (IO Error: Could not set lock on file ")
    assert told.endswith("); it is complete and unchanged.")
    assert (loose.stat().st_ino, loose.stat().st_size) == (size.st_ino, size.st_size)


@pytest.mark.slow
def test_a_night_whose_warehouse_stays_large_is_published_and_says_so(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "compact", lambda path, *, on_wait: f"{path} stays.")

    result = installation.command("sync")

    assert result.code == 0
    assert result.err == f"Warning: {installation.settings.warehouse} stays.\n"
    assert installation.published.exists()


TALKATIVE = rule_file(
    about_users(
        """user_permissions
-- on the second night of fewer of them, and in another order
WHERE user_id % 3 > 0 OR (SELECT count(*) FROM snapshots) = 1
ORDER BY sha256(concat(user_id, permission, (SELECT count(*) FROM snapshots)))""",
        title="concat('User ', user_id, ' and ', permission, ': ', sha256(concat(user_id, permission)))",
        evidence="{'read': observed_at, 'seen': [sha256(concat(user_id, permission, n)) for n in range(8)]}",
        thing="permission",
    ),
    comment="One row per flag of a user, with much to say.",
    kind="rule",
    needs="users, users/{id}/permissions",
    identity="subject, object",
)


@pytest.mark.slow
@pytest.mark.usefixtures("one_night_at_a_time")
def test_findings_that_are_there_again_take_no_longer_than_new_ones(tmp_path: Path) -> None:
    write(tmp_path, LandingSpec(1, 1000, 2))
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "talkative.sql").write_text(TALKATIVE)
    models = custom_rules.added(MODELS, tmp_path / "rules")
    assert models.broken == {}
    fired, taken = [], []
    for _ in range(2):
        started = time.process_time()
        built = build_company(settings(tmp_path), models, "co000000")
        taken.append(time.process_time() - started)
        fired.append(built.fired["rules.talkative"])
    assert fired == [31_000, 20_925]
    assert taken[1] < 2 * taken[0]


@pytest.mark.slow
@pytest.mark.usefixtures("one_night_at_a_time")
def test_forty_nights_do_not_swell_the_files(tmp_path: Path) -> None:
    write(tmp_path, LandingSpec(1, 500, 40))
    sizes = []
    for _ in range(40):
        build_company(settings(tmp_path), MODELS, "co000000")
        sizes.append(settings(tmp_path).warehouse.stat().st_size)
    assert sizes[-1] < 3 * sizes[0]
    assert sum(versions(tmp_path)["user_permissions"]) == 500 * 31 + 39 * 5
