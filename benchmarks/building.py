"""Builds the warehouse from the landing of a home folder, and prints time and memory as JSON.

python -m benchmarks.building HOME          the whole landing, as `pipedrive-graph rebuild` does
python -m benchmarks.building HOME NIGHTS   this number of nights one by one, as `pipedrive-graph sync` does
"""

from __future__ import annotations

import json
import resource
import sys
import time
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import ParamSpec, TypeVar

import duckdb

from benchmarks.process import peak_memory
from pipedrive_graph.builder import build, process_snapshot
from pipedrive_graph.builder.configuration import Configuration
from pipedrive_graph.common.resources import sql_folder
from pipedrive_graph.config.settings import Settings, load
from pipedrive_graph.landing import CompanyLanding
from pipedrive_graph.warehouse.ingest import Pending
from pipedrive_graph.warehouse.sql_project import Models
from pipedrive_graph.warehouse.tables import TABLES

P, T = ParamSpec("P"), TypeVar("T")

_STEPS = {
    "load": (process_snapshot.ingest, "load"),
    "stage": (process_snapshot.ingest, "stage"),
    "merge": (process_snapshot.history, "merge"),
    "prove": (process_snapshot.history, "differences"),
    "transform": (process_snapshot, "transform"),
    "peers": (process_snapshot.peers, "fill"),
    "judge": (process_snapshot, "judge"),
    "publish": (build, "publish_file"),
}
"""The functions that are timed, by their name in the table."""


class Timer:
    """Measures the time of every step, separately for each night."""

    def __init__(self) -> None:
        self.nights: list[Counter[str]] = []
        for name, (module, function) in _STEPS.items():
            setattr(module, function, self._timed(name, getattr(module, function)))
        load = process_snapshot.ingest.load
        process_snapshot.ingest.load = partial(self._load_night, load)  # type: ignore[assignment]

    def _load_night(
        self,
        load: Callable[[duckdb.DuckDBPyConnection, list[Pending]], None],
        connection: duckdb.DuckDBPyConnection,
        batch: list[Pending],
    ) -> None:
        """Load a batch. Loading is the first step, so this starts a new night."""
        while len(self.nights) <= batch[0].position:
            self.nights.append(Counter())
        load(connection, batch)

    def _timed(self, name: str, step: Callable[P, T]) -> Callable[P, T]:
        def run(*arguments: P.args, **named: P.kwargs) -> T:
            started = time.perf_counter()
            try:
                return step(*arguments, **named)
            finally:
                self.nights[-1][name] += time.perf_counter() - started

        return run


def one_by_one(settings: Settings, models: Models, nights: int) -> None:
    """Build the nights of a company one after the other, as if each was the latest, and publish each."""
    every = process_snapshot.ingest.pending

    def next_snapshot(landing: CompanyLanding, seen: list[str]) -> list[Pending]:
        return every(landing, seen)[:1]

    process_snapshot.ingest.pending = next_snapshot
    configuration = Configuration(settings)
    (company,) = build.Landing(settings.storage).companies()
    for _ in range(nights):
        batch = build.build_batch(
            settings,
            models,
            configuration.policies,
            configuration.waivers,
            [settings.company(company)],
            on_wait=print,
        )
        for error in batch.failed.values():
            raise error
        build.publish(settings, models, on_wait=print)


def versions(settings: Settings) -> list[int]:
    """The number of history rows after each night."""
    begun = " UNION ALL ".join(f"SELECT valid_from FROM history.{table.name}" for table in TABLES)  # noqa: S608
    with duckdb.connect(str(settings.warehouse), read_only=True) as connection:
        counted = connection.execute(
            f"SELECT count(*) FROM ({begun}) GROUP BY valid_from ORDER BY valid_from"  # noqa: S608
        ).fetchall()
    return [sum(count for (count,) in counted[: night + 1]) for night in range(len(counted))]


def main() -> None:
    """Build, and print the measurements."""
    home = Path(sys.argv[1])
    settings, models = load({"PIPEDRIVE_GRAPH_HOME": str(home)}), Models(sql_folder())
    timer = Timer()
    started = time.perf_counter()
    if len(sys.argv) > 2:
        one_by_one(settings, models, int(sys.argv[2]))
    else:
        build.rebuild(settings, models, Configuration(settings).policies, on_wait=print)
    seconds = time.perf_counter() - started
    used = resource.getrusage(resource.RUSAGE_SELF)
    measured = {
        "seconds": seconds,
        "nights": timer.nights,
        "cpu": used.ru_utime + used.ru_stime,
        "peak": peak_memory(),
        "versions": versions(settings),
        "warehouse": settings.warehouse.stat().st_size,
        "published": settings.published.stat().st_size,
    }
    sys.stdout.write(json.dumps(measured))


if __name__ == "__main__":
    main()
