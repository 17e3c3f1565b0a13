"""Finds losses: what the warehouse knows, and the landing and the journals no longer have.

Usually nothing, because the landing and the journals hold everything. If a folder was removed or replaced,
this module detects it before anything is overwritten.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field

import duckdb

from pipedrive_graph.collect.clock_check import LATEST
from pipedrive_graph.common import clock
from pipedrive_graph.common.text import counted
from pipedrive_graph.config.home import Home
from pipedrive_graph.decisions import review_handlers as reviews
from pipedrive_graph.decisions import rosters
from pipedrive_graph.decisions.finding_handlers import ACKNOWLEDGED
from pipedrive_graph.decisions.journal import Journal
from pipedrive_graph.decisions.review_handlers import OPENED
from pipedrive_graph.errors import LandingError, LossError, PipedriveGraphError, UnusableError
from pipedrive_graph.landing import Landing
from pipedrive_graph.warehouse import database

REBUILD = "`pipedrive-graph rebuild`"
ACCEPT = "`pipedrive-graph rebuild --accept-loss`"


@dataclass(frozen=True, slots=True)
class Loss:
    """What the warehouse or the published file holds of a company and a rebuild cannot restore.

    Attributes:
        company: the company's name.
        snapshots: number of snapshots that are missing in the landing.
        held: number of snapshots in the database.
        decisions: number of entries that are missing in the journal.
    """

    company: str
    snapshots: int
    held: int
    decisions: int

    def __str__(self) -> str:
        of_snapshots = f"{self.snapshots} of the {self.held} snapshots of '{self.company}'"
        entries = f"{counted(self.decisions, 'entry', 'entries')} of the journal"
        if not self.decisions:
            return of_snapshots
        return f"{of_snapshots} and {entries}" if self.snapshots else f"{entries} of '{self.company}'"


@dataclass(frozen=True, slots=True)
class _Held:
    """The content of a database by company: its snapshots, and how many decisions no journal has."""

    marks: defaultdict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    decisions: Counter[str] = field(default_factory=Counter)


def losses(home: Home, company: str | None = None) -> list[Loss] | None:
    """Return what a rebuild would lose, by company; None if that is unknown because nothing can be read.

    The caller holds the lock of the warehouse, or accepts that a concurrent run makes the result unknown.
    A file that this user may not read is not damaged, so it is an error rather than a loss.

    Args:
        home: the home folder.
        company: check only this company; by default, all companies.

    Raises:
        LandingError: if this user may not read a file.
    """
    landing = Landing(home.storage)
    for path, read in ((home.warehouse, _of_warehouse), (home.published, _of_published)):
        if not path.exists():
            continue
        try:
            with database.attached(path) as connection:
                held = read(connection, home, company)
        except duckdb.Error:
            continue
        all_losses = []
        for name in sorted(held.marks.keys() | held.decisions.keys()):
            # a mark is a digest or an id; a snapshot that was set aside is not lost
            present = landing.of(name).digests() | landing.of(name).set_aside_digests()
            forgotten = landing.of(name).forgotten()
            explained = forgotten.snapshots | forgotten.digests
            lost = len(held.marks[name] - present.keys() - set(present.values()) - explained)
            all_losses.append(Loss(name, lost, len(held.marks[name]), held.decisions[name]))
        return [loss for loss in all_losses if loss.snapshots or loss.decisions]
    return None if home.warehouse.exists() else []


def check_journal(home: Home, company: str) -> None:
    """Check that a company's journal is whole, by its own chain and by the newest manifest.

    Raises:
        LandingError: if it is not, or the newest manifest is damaged.
    """
    newest = Landing(home.storage).of(company).latest()
    Journal.of(home, company).check(newest.journal if newest else None)


def accept(home: Home) -> None:
    """Accept permanently what is missing in the landings and journals of all companies.

    Raises:
        LandingError: if a manifest or a journal cannot be read, or the acceptance cannot be written.
    """
    landing = Landing(home.storage)
    for name in landing.companies():
        landing.of(name).accept_gaps()
        newest = landing.of(name).latest()
        marks = [newest.journal] if newest and newest.journal else []
        journal = Journal.of(home, name)
        journal.accept_loss(marks)
        journal.accept_lost_files([*rosters.damaged(home, name), *reviews.damaged(home, name)])


def refuse_to_rebuild(home: Home, *, without: Collection[str] = ()) -> None:
    """Refuse a rebuild that would lose data.

    Args:
        home: the home folder.
        without: companies whose data may be lost.

    Raises:
        LandingError: if a journal is damaged.
        LossError: with what would be lost, and what to do.
    """
    for name in Landing(home.storage).companies():
        if name not in without:
            check_journal(home, name)
    missing = losses(home)
    if missing is None:
        raise LossError(f"{_unknown(home)} {ACCEPT} goes on with what is there.")
    missing = [loss for loss in missing if loss.company not in without]
    if missing:
        raise LossError(
            f"A rebuild would lose {_listed(missing)}: {_restore(home)}, then run rebuild again."
            f" {ACCEPT} goes on without them."
        )


def refused(
    home: Home, companies: Collection[str], *, on_wait: Callable[[str], None]
) -> dict[str, PipedriveGraphError]:
    """Return the companies that must not be collected, because only the warehouse has earlier data of them.

    A new run would begin a new history, as if every user were seen for the first time, and the landing could
    not be restored any more.

    Args:
        home: the home folder.
        companies: the companies to check, by name.
        on_wait: called once when another process holds the lock of the warehouse.

    Returns:
        The reason by company: a LossError with what is missing and what to do, or a LandingError where the
        newest manifest or the journal is damaged.

    Raises:
        BusyError: if another process writes for too long.
        ConfigurationError: if PIPEDRIVE_GRAPH_LOCK_WAIT is not a number of minutes.
        LandingError: if a `forget` was interrupted.
    """
    reasons: dict[str, PipedriveGraphError] = {}
    with ExitStack() as stack:
        if home.warehouse.exists():
            stack.enter_context(database.lock(home.warehouse, on_wait=on_wait))
        losses_of = _losses_of(home, companies)
        for company in companies:
            try:
                check_journal(home, company)  # a damaged manifest is not a missing one
                raise_for(home, company, losses_of(company))
            except PipedriveGraphError as error:
                reasons[company] = error
    return reasons


def _losses_of(home: Home, companies: Collection[str]) -> Callable[[str], list[Loss] | None]:
    """Compute the losses of all companies at once; one by one only if a company's files cannot be read."""
    if len(companies) > 1:
        with suppress(LandingError):
            all_losses = losses(home)
            return lambda company: all_losses
    return lambda company: losses(home, company)


def raise_for(home: Home, company: str, missing: list[Loss] | None) -> None:
    """Refuse to collect a company if data would or might be lost.

    Raises:
        LossError: with what is missing, and what to do.
    """
    if missing is None:
        if not Landing(home.storage).of(company).digests():
            raise LossError(f"{_unknown(home)} {_otherwise(home)}")
        return
    for loss in missing:
        if loss.company == company:
            raise LossError(
                f"{_missing(loss, home)}: {_restore(home)}, then run sync again."
                f"{_on_purpose(loss)} {_otherwise(home)}"
            )


def dated_ahead(home: Home, company: str) -> str | None:
    """Return a sentence if the journal's last entry is dated later than this machine's clock."""
    journal = Journal.of(home, company)
    entries = journal.lines()
    if not entries or entries[-1].at - clock.now() <= LATEST:
        return None
    return (
        f"The last entry of {journal.path} is dated {entries[-1].at:%Y-%m-%d %H:%M} UTC, but this machine's"
        f" clock says {clock.now():%Y-%m-%d %H:%M} UTC: set the clock if it is wrong; if the entry was"
        " written with a wrong clock, it keeps its date, and new entries are dated after it."
    )


@contextmanager
def advised(home: Home) -> Iterator[None]:
    """Add advice to the error about an unusable warehouse: what to do without losing data."""
    try:
        yield
    except UnusableError as error:
        raise with_advice(home, error) from error


def with_advice(home: Home, error: Exception) -> Exception:
    """Return the error, with advice if it says that the warehouse cannot be used."""
    return type(error)(f"{error} {advice(home)}") if isinstance(error, UnusableError) else error


def advice(home: Home) -> str:
    """Return what to do about a warehouse that cannot be used."""
    missing = losses(home)
    if not _has_snapshots(home):
        return (
            f"The landing has no snapshots to rebuild it from: {_restore(home)}, then run {REBUILD};"
            f" if there never were any, move {home.warehouse} away."
        )
    if missing is None:
        return f"{_unknown(home)} {ACCEPT} makes it again from what is there."
    if missing:
        lost = f"A rebuild from what is there would lose {_listed(missing)}"
        return f"{lost}: {_restore(home)}, then run {REBUILD}."
    return f"{REBUILD} makes it again from the landing, and loses nothing."


def _of_warehouse(connection: duckdb.DuckDBPyConnection, home: Home, company: str | None) -> _Held:
    held = _Held()
    tables = database.rows(
        connection,
        "SELECT table_name FROM duckdb_tables() WHERE database_name = 'held' AND schema_name = 'history'",
    )
    if not tables:  # a run was interrupted before it created the tables
        return held
    for name, digest in database.rows(
        connection,
        "SELECT company, manifest_sha256 FROM held.history.snapshots WHERE company = coalesce(?, company)",
        company,
    ):
        held.marks[name].add(digest)
    for name, lines in database.rows(
        connection,
        "SELECT company, lines FROM held.history.journal WHERE company = coalesce(?, company)",
        company,
    ):
        forgotten = Landing(home.storage).of(name).forgotten()
        # a warehouse from before a `forget`, as in a backup, has applied entries that were removed since
        removed = forgotten.entries if held.marks[name] & forgotten.digests else 0
        held.decisions[name] = max(0, lines - Journal.of(home, name).mark().lines - removed)
    return held


def _of_published(connection: duckdb.DuckDBPyConnection, home: Home, company: str | None) -> _Held:
    """Return what the published file holds: snapshots, acknowledgements and reviews."""
    held = _Held()
    for name, snapshot in database.rows(
        connection,
        "SELECT company, snapshot_id FROM held.snapshots WHERE company = coalesce(?, company)",
        company,
    ):
        held.marks[name].add(snapshot)
    for name, kind, key, decided in database.rows(
        connection,
        f"""
        SELECT company, kind, key, list(decided)
        FROM (
            SELECT company, '{OPENED}' AS kind, 'review_id' AS key, review_id AS decided FROM held.reviews
            UNION ALL
            SELECT company, '{ACKNOWLEDGED}', 'finding_id', finding_id
            FROM held.findings WHERE acknowledged_at IS NOT NULL
        )
        WHERE company = coalesce(?, company)
        GROUP BY ALL""",
        company,
    ):
        recorded = {entry.content.get(key) for entry in Journal.of(home, name).lines(kind)}
        held.decisions[name] += sum(decision not in recorded for decision in decided)
    return held


def _has_snapshots(home: Home) -> bool:
    """Whether the landing has a snapshot of any company."""
    landing = Landing(home.storage)
    return any(landing.of(name).digests() for name in landing.companies())


def _listed(missing: list[Loss]) -> str:
    return ", and ".join(map(str, missing))


def _missing(loss: Loss, home: Home) -> str:
    places = [str(home.landing / loss.company)] if loss.snapshots else []
    places += [str(Journal.of(home, loss.company).path)] if loss.decisions else []
    return f"{loss} are missing in {' and '.join(places)}, and only the data derived from them is left"


def _unknown(home: Home) -> str:
    return (
        f"It is unknown whether {home.landing} and {home.journal} hold everything that"
        f" {home.warehouse} was built from, because it cannot be read: if they are not complete,"
        " restore them from a backup first."
    )


def _restore(home: Home) -> str:
    return f"restore {home.landing} and {home.journal} from a backup"


def _on_purpose(loss: Loss) -> str:
    return (
        " If snapshots were removed on purpose, run `pipedrive-graph forget --missing`, which seals what is"
        " left."
        if loss.snapshots
        else ""
    )


def _otherwise(home: Home) -> str:
    if _has_snapshots(home):
        return f"Without a backup, {ACCEPT} goes on with what is there."
    return (
        f"Without a backup, move {home.warehouse.name} and {home.published.name} to another folder:"
        " the next sync begins a new history."
    )
