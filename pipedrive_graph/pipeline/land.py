"""Land: collects one company into its landing, or finds the unpublished snapshot of an earlier run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pipedrive_graph.builder.unpublished import replaces_a_read, unpublished
from pipedrive_graph.collect import Observer, collect
from pipedrive_graph.config import ownership
from pipedrive_graph.config.company import Collect, Company
from pipedrive_graph.config.home import Home
from pipedrive_graph.decisions import rosters
from pipedrive_graph.decisions.journal import Journal
from pipedrive_graph.errors import ConfigurationError, RejectedError, ShrunkError
from pipedrive_graph.landing import CompanyLanding, Landing, Manifest


@dataclass(frozen=True, slots=True)
class Landed:
    """The snapshot of a company in this run; it is built and published if it was accepted.

    Attributes:
        manifest: the committed snapshot; its status may be `rejected`.
        is_earlier: whether an earlier run collected it, so that this run has sent no requests.
    """

    manifest: Manifest
    is_earlier: bool = False

    @property
    def company(self) -> str:
        """The company's name in the settings."""
        return self.manifest.company


def check(home: Home, company: Company) -> None:
    """Refuse to collect a company whose files or roster cannot be used.

    Raises:
        LandingError: if this user cannot access a file or folder of the company.
        ConfigurationError: if the roster cannot be used.
    """
    ownership.check_company(home, company.name)
    rosters.load([company])


def earlier_snapshot(
    home: Home, company: Company, plan: Collect, shown: Mapping[str, str]
) -> tuple[Landed | None, Manifest | None]:
    """Find the company's newest snapshot if an earlier run collected it and it is not published.

    Args:
        home: the home folder.
        company: its settings.
        plan: how this run would collect the company.
        shown: the published snapshots, from `published_snapshots`.

    Returns:
        First, the snapshot if it replaces a new collection. Otherwise second, the snapshot to build and
        publish while the company is collected again.

    Raises:
        LandingError: if the newest manifest cannot be read.
    """
    newest = unpublished(Landing(home.storage).of(company.name), shown)
    if newest and replaces_a_read(newest, company, plan):
        return Landed(newest, is_earlier=True), None
    return None, newest


async def land(
    home: Home,
    company: Company,
    *,
    observer: Observer,
    plan: Collect | None = None,
    accept_shrink: bool = False,
) -> Landed:
    """Collect a company, and commit the snapshot.

    Args:
        home: the home folder.
        company: its settings.
        observer: receives the progress.
        plan: how to collect it; by default, as in its settings.
        accept_shrink: whether to accept the snapshot even if many users are gone.

    Returns:
        The committed snapshot; if it was not accepted, see `rejection`.

    Raises:
        PipedriveGraphError: see `collect`.
    """
    landing = Landing(home.storage).of(company.name)
    manifest = await collect(
        company,
        landing,
        observer=observer,
        plan=plan or company.collect,
        accept_shrink=accept_shrink,
        journal=Journal.of(home, company.name).mark(),
    )
    return Landed(manifest)


def rejection(manifest: Manifest) -> RejectedError:
    """The error for a snapshot that was not accepted; it is not built or published."""
    reason = manifest.verdict.reason
    if manifest.verdict.shrunk:
        return ShrunkError(
            f"{reason} Nothing was published. If that is right, run sync once with --accept-shrink"
            f' (in Dagster, launch the run once with accept_shrink: "{manifest.snapshot_id}").'
        )
    return RejectedError(f"{reason} The snapshot was put aside and nothing was published; run sync again.")


def is_confirmed(landing: CompanyLanding, value: object) -> bool:
    """Whether a run's configuration names the newest snapshot, and many missing users caused its refusal.

    The id contains microseconds, so only somebody who has read the refusal can know it.

    Raises:
        ConfigurationError: if the configuration has any other value.
    """
    if value is None or value is False or value == "":
        return False
    newest = landing.latest()
    if newest is not None and newest.verdict.shrunk and value == newest.snapshot_id:
        return True
    raise ConfigurationError(
        "accept_shrink in the run's configuration does not name the newest refused snapshot. Launch the run"
        " without it; if users are gone, the refusal names the value to write there."
    )
