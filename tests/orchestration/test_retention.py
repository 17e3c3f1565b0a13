"""Old runs are deleted from Dagster's home with all their data; runs that show the present state stay."""

import os
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest
from installation import Installation

from pipedrive_graph.config.options import Dagster
from pipedrive_graph.errors import BusyError, NoSpaceError
from pipedrive_graph.orchestration import dagster_files, retention
from pipedrive_graph.orchestration import run as nightly
from pipedrive_graph.orchestration.build import assemble
from pipedrive_graph.orchestration.configuration import load_leniently
from pipedrive_graph.orchestration.dagster_files import DagsterFiles

pytestmark = pytest.mark.slow

PERSON = "Zoë.Müller@example.com"
OLD = datetime.now(UTC) - timedelta(days=100)
KEEP = Dagster(keep_days=90, keep_runs=1)

COMPANIES = dg.StaticPartitionsDefinition(["acme", "beta", "gone"])


@dg.asset(partitions_def=COMPANIES, check_specs=[dg.AssetCheckSpec("plausible", asset="people")])
def people(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
    print(f"{context.partition_key} is read")  # noqa: T201 - it is the output of a run
    if context.run.tags.get("fails"):
        raise ValueError(f"{PERSON} cannot be read")
    return dg.MaterializeResult(
        metadata={"rows": 1}, check_results=[dg.AssetCheckResult(passed=True, check_name="plausible")]
    )


DEFINITIONS = dg.Definitions(
    assets=[people], jobs=[dg.define_asset_job("nightly")], executor=dg.in_process_executor
)


def run(instance: dg.DagsterInstance, company: str, **tags: str) -> str:
    job = DEFINITIONS.resolve_job_def("nightly")
    ended = job.execute_in_process(
        instance=instance,
        partition_key=company,
        run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
        tags={"company": company, **tags},
        raise_on_error=False,
    )
    return ended.run_id


def execute(database: Path, statement: str, *values: object) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(database)) as connection, connection:
        return connection.execute(statement, values).fetchall()


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """A home of Dagster after six runs: acme, gone, acme, acme (it fails), acme, beta."""
    home = tmp_path_factory.mktemp("dagster") / "home"
    home.mkdir()
    (home / "dagster.yaml").write_text("telemetry:\n  enabled: false\n")
    with dg.DagsterInstance.from_config(str(home)) as instance:
        runs = [
            run(instance, "acme"),
            run(instance, "gone"),
            run(instance, "acme", reader=PERSON),
            run(instance, "acme", fails="yes"),
            run(instance, "acme"),
            run(instance, "beta"),
        ]
    # the first four were long ago
    for run_id in runs[:4]:
        execute(home / "history/runs.db", "UPDATE runs SET create_timestamp = ? WHERE run_id = ?",
                f"{OLD:%Y-%m-%d %H:%M:%S}", run_id)  # fmt: skip
    return home, runs


@pytest.fixture
def kept(
    template, tmp_path: Path, monkeypatch
) -> Iterator[tuple[dg.DagsterInstance, DagsterFiles, list[str]]]:
    home, runs = template
    shutil.copytree(home, tmp_path / "dagster")
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "dagster"))
    (tmp_path / "dagster").chmod(0o700)
    with dg.DagsterInstance.get() as instance:
        yield instance, DagsterFiles(tmp_path / "dagster"), runs


def left(instance: dg.DagsterInstance) -> set[str]:
    return {record.dagster_run.run_id for record in instance.get_run_records()}


def traces(files: DagsterFiles, run_id: str) -> list[str]:
    """Where anything of a run is left."""
    found = [str(path) for path in files.home.rglob(f"*{run_id}*")]
    tables = {files.runs: ("runs", "run_tags"), files.index: ("event_logs", "asset_check_executions")}
    for database, names in tables.items():
        for name in names:
            if execute(database, f"SELECT 1 FROM {name} WHERE run_id = ?", run_id):  # noqa: S608
                found.append(name)
    return found


def clean(instance: dg.DagsterInstance, options: Dagster = KEEP) -> retention.Removed:
    return retention.clean(instance, options, datetime.now(UTC))


def test_old_runs_are_deleted_with_all_that_is_kept_of_them(kept) -> None:
    instance, files, runs = kept
    assert len(traces(files, runs[0])) == 6
    size = files.size

    removed = clean(instance)

    assert (removed.runs, removed.complete) == (3, True)
    assert left(instance) == {runs[1], runs[4], runs[5]}  # of 'gone', nothing newer is there
    assert [traces(files, runs[number]) for number in (0, 2, 3)] == [[], [], []]
    assert 300_000 < removed.freed <= size - files.size
    assert str(removed).startswith("3 old runs deleted, ")


def test_the_latest_materialization_of_each_company_stays(kept) -> None:
    instance, _, runs = kept
    key, kind = dg.AssetKey("people"), dg.DagsterEventType.ASSET_MATERIALIZATION
    before = instance.get_latest_storage_id_by_partition(key, kind)

    clean(instance)

    assert instance.get_latest_storage_id_by_partition(key, kind) == before
    assert before.keys() == {"acme", "beta", "gone"}
    event = instance.get_latest_materialization_event(key)
    assert event is not None
    assert event.run_id == runs[5]


def test_a_run_that_has_not_ended_stays(kept) -> None:
    instance, files, runs = kept
    execute(files.runs, "UPDATE runs SET status = 'STARTED' WHERE run_id = ?", runs[0])

    assert clean(instance).runs == 2
    assert runs[0] in left(instance)
    assert instance.all_logs(runs[0])


def test_the_newest_runs_stay_however_old_they_are(kept) -> None:
    instance, _, runs = kept

    assert clean(instance, Dagster(keep_days=90, keep_runs=4)).runs == 1
    assert left(instance) == {*runs[1:]}


def test_a_run_of_another_project_stays(kept) -> None:
    instance, _, runs = kept
    instance.add_run_tags(runs[0], {".dagster/repository": "__repository__@elsewhere.definitions"})
    instance.add_run_tags(runs[2], {".dagster/repository": "__repository__@pipedrive_graph.definitions"})

    clean(instance)

    assert runs[0] in left(instance)
    assert runs[2] not in left(instance)


def test_a_deletion_that_was_interrupted_is_completed(kept, monkeypatch) -> None:
    instance, files, runs = kept

    def die(self: DagsterFiles, run_id: str) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(DagsterFiles, "remove_run", die)
        with pytest.raises(KeyboardInterrupt):
            clean(instance)
    assert runs[0] not in left(instance)
    assert traces(files, runs[0])
    for path in files.home.rglob(f"{runs[0]}*"):
        os.utime(path, (OLD.timestamp(), OLD.timestamp()))

    clean(instance)

    assert traces(files, runs[0]) == []


def test_what_takes_too_long_is_left_for_the_next_call(kept) -> None:
    instance, _, _ = kept

    removed = retention.daily(instance, KEEP, seconds=0)
    assert removed is not None
    assert (removed.runs, removed.complete) == (0, False)
    removed = retention.daily(instance, KEEP)
    assert removed is not None
    assert (removed.runs, removed.complete) == (3, True)


def test_it_is_done_once_a_day(kept, monkeypatch) -> None:
    instance, files, _ = kept
    assert retention.daily(instance, KEEP) is not None
    assert retention.daily(instance, KEEP) is None
    assert (files.home / ".last-retention").stat().st_mode & 0o777 == 0o600

    now = datetime.now(UTC)
    monkeypatch.setattr("pipedrive_graph.common.clock.now", lambda: now + timedelta(hours=25))
    assert retention.daily(instance, KEEP) is not None


def test_events_of_no_run_that_are_old_are_deleted(kept) -> None:
    instance, files, _ = kept
    for database in (files.runless, files.index):
        with closing(sqlite3.connect(database)) as connection, connection:
            connection.execute(
                "CREATE TABLE IF NOT EXISTS event_logs (id INTEGER PRIMARY KEY, run_id, event, timestamp)"
            )
            for day in (OLD, datetime.now(UTC)):
                connection.execute("INSERT INTO event_logs (run_id, event, timestamp) VALUES ('', '{}', ?)",
                                   [f"{day:%Y-%m-%d %H:%M:%S.%f}"])  # fmt: skip

    clean(instance)

    for database in (files.runless, files.index):
        assert execute(database, "SELECT count(*) FROM event_logs WHERE run_id = ''") == [(1,)]


def test_a_database_that_is_locked_is_one_sentence_and_the_next_call_goes_on(kept, monkeypatch) -> None:
    instance, files, _ = kept
    monkeypatch.setattr(dagster_files, "_TIMEOUT", 0.1)
    with closing(sqlite3.connect(files.runs, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(BusyError) as caught:
            retention.daily(instance, KEEP)

    sentence = f"Another process is writing Dagster's runs in {files.home}; try again later."
    assert str(caught.value) == sentence
    removed = retention.daily(instance, KEEP)
    assert removed is not None
    assert removed.complete


def test_a_full_disk_is_one_sentence(template, tmp_path: Path) -> None:
    home, runs = template
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "none", disk], check=False).returncode:
        pytest.skip("only root may mount a small disk")
    try:
        shutil.copytree(home, disk / "dagster")
        with dg.DagsterInstance.from_config(str(disk / "dagster")) as instance:
            with suppress(OSError), (disk / "filler").open("wb") as filler:
                while True:
                    filler.write(bytes(4096))
                    filler.flush()
            with pytest.raises(NoSpaceError) as caught:
                retention.daily(instance, KEEP)
            (disk / "filler").unlink()

            removed = retention.daily(instance, KEEP)

            assert removed is not None
            assert removed.complete
            assert left(instance) == {runs[1], runs[4], runs[5]}
    finally:
        subprocess.run(["umount", disk], check=True)
    assert str(caught.value).startswith(f"No space is left to write {disk}/dagster")


def test_a_night_is_not_failed_by_it(kept, monkeypatch, home: Path) -> None:
    instance, files, _ = kept
    home.mkdir(0o700)
    warnings: list[str] = []
    (files.home / ".last-retention.lock").mkdir()  # whatever goes wrong

    nightly._delete_old_runs(instance, Installation(home).settings, warnings.append)

    (warning,) = warnings
    assert warning.startswith(
        f"Old runs of Dagster were not deleted: Cannot write {files.home}/.last-retention.lock"
    )


def test_the_sensor_of_dagster_deletes_them(kept, monkeypatch, home: Path) -> None:
    instance, _, _ = kept
    home.mkdir(0o700)
    (home / "settings.toml").write_text("[dagster]\nkeep_days = 90\nkeep_runs = 1\n")
    definitions = assemble(load_leniently({"PIPEDRIVE_GRAPH_HOME": str(home)}))
    sensor = definitions.resolve_sensor_def("old_runs")

    def tick() -> str | None:
        return sensor.evaluate_tick(dg.build_sensor_context(instance=instance)).skip_message

    first = tick()
    assert first is not None
    assert first.startswith("3 old runs deleted, ")
    assert tick() == "Old runs were deleted less than a day ago."
    assert sensor.default_status is dg.DefaultSensorStatus.RUNNING


# forget


def forget(**what: object) -> retention.Removed:
    removed = retention.forget(on_wait=print, **what)  # type: ignore[arg-type]
    assert removed is not None
    return removed


def holding(files: DagsterFiles, *texts: str) -> list[str]:
    """The files that hold a text, as it is or as JSON escapes it."""
    forms = [
        form.encode() for text in texts for form in (text, ascii(text)[1:-1], text.replace("ë", "\\u00eb"))
    ]
    return [
        str(path)
        for path in files.home.rglob("*")
        if path.is_file() and any(form in path.read_bytes() for form in forms)
    ]


def test_forget_without_an_instance(monkeypatch) -> None:
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    assert retention.forget(company="acme", on_wait=print) is None


def test_forget_a_person(kept) -> None:
    instance, files, runs = kept
    assert holding(files, "example.com")

    assert forget(texts=[PERSON.upper()], dry_run=True).runs == 2
    assert left(instance) == {*runs}
    assert forget(texts=[PERSON.upper()]).runs == 2

    assert left(instance) == {*runs} - {runs[2], runs[3]}
    assert holding(files, "example.com") == []


def test_forget_a_company(kept) -> None:
    instance, files, runs = kept
    execute(
        files.ticks,
        "INSERT INTO job_ticks (job_origin_id, status, type, timestamp, tick_body)"
        " VALUES ('x', 'SUCCESS', 'SENSOR', '2026-01-01', ?)",
        '{"run_keys": ["2026-01-01/acme"]}',
    )

    assert forget(company="acme").runs == 4

    assert left(instance) == {runs[1], runs[5]}
    latest = instance.get_latest_storage_id_by_partition(
        dg.AssetKey("people"), dg.DagsterEventType.ASSET_MATERIALIZATION
    )
    assert latest.keys() == {"beta", "gone"}
    assert execute(files.ticks, "SELECT count(*) FROM job_ticks") == [(0,)]


def test_forget_what_is_before_a_time(kept) -> None:
    instance, _, runs = kept

    assert forget(before=OLD + timedelta(days=1)).runs == 4

    assert left(instance) == {runs[4], runs[5]}
    event = instance.get_latest_materialization_event(dg.AssetKey("people"))
    assert event is not None
    assert event.run_id == runs[5]


def test_forget_everything_and_go_on(kept) -> None:
    instance, files, _ = kept
    ((before,),) = execute(files.index, "SELECT max(id) FROM event_logs")

    assert forget(before=datetime.now(UTC) + timedelta(hours=1)).runs == 6

    assert left(instance) == set()
    assert instance.get_latest_materialization_event(dg.AssetKey("people")) is None
    run_id = run(instance, "beta")
    # a sensor remembers the number of the last event that it has seen
    ((first,),) = execute(files.index, "SELECT min(id) FROM event_logs WHERE run_id = ?", run_id)
    assert first > before
    assert instance.get_latest_materialization_event(dg.AssetKey("people")).run_id == run_id


def test_forget_repairs_the_latest_materialization(kept) -> None:
    instance, _, runs = kept

    forget(company="beta")

    event = instance.get_latest_materialization_event(dg.AssetKey("people"))
    assert event is not None
    assert event.run_id == runs[4]


def test_forget_leaves_a_run_that_has_not_ended_unless_the_caller_knows_better(kept) -> None:
    instance, files, runs = kept
    execute(files.runs, "UPDATE runs SET status = 'STARTED' WHERE run_id = ?", runs[2])

    removed = forget(texts=[PERSON])
    assert (removed.runs, removed.left) == (1, 1)
    assert runs[2] in left(instance)
    removed = forget(texts=[PERSON], with_unfinished=True)
    assert (removed.runs, removed.left) == (1, 0)
    assert holding(files, "example.com") == []


@pytest.mark.parametrize("erase", [False, True])
def test_a_database_that_is_half_empty_is_rewritten(kept, erase: bool) -> None:
    _, files, _ = kept
    execute(files.index, "CREATE TABLE filler AS SELECT randomblob(4000000) AS content")
    execute(files.index, "DROP TABLE filler")
    size = files.index.stat().st_size
    assert size > 4_000_000

    files.shrink(erase=erase)

    assert files.index.stat().st_size < size / 2


def test_a_database_with_little_free_space_is_left_alone(kept) -> None:
    _, files, _ = kept
    execute(files.index, "CREATE TABLE filler AS SELECT randomblob(100000) AS content")
    execute(files.index, "DROP TABLE filler")
    size = files.index.stat().st_size

    files.shrink()
    assert files.index.stat().st_size == size
    files.shrink(erase=True)
    assert files.index.stat().st_size < size
