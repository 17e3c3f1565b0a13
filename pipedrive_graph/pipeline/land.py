"""Land: read one company into its landing, or find the snapshot that an earlier run has read for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pipedrive_graph.builder.unpublished import replaces_a_read, unpublished
from pipedrive_graph.collect import Observer, collect
from pipedrive_graph.config import ownership
from pipedrive_graph.config.company import Collect, Company
from pipedrive_graph.config.settings import Settings
from pipedrive_graph.decisions import rosters
from pipedrive_graph.decisions.journal import Journal
from pipedrive_graph.errors import ConfigurationError, RejectedError, ShrunkError
from pipedrive_graph.landing import CompanyLanding, Landing, Manifest


@dataclass(frozen=True, slots=True)
class Landed:
    """The snapshot of a company that this run builds and publishes, where it was accepted.

    Attributes:
        manifest: the committed snapshot; its status may be `rejected`.
        is_earlier: whether an earlier run has read it, and this one has sent no requests.
    """

    manifest: Manifest
    is_earlier: bool = False

    @property
    def company(self) -> str:
        """The company's name in the settings."""
        return self.manifest.company


def check(settings: Settings, company: Company) -> None:
    """Refuse to read a company whose files or roster cannot be used.

    Raises:
        LandingError: if a file or folder of the company is closed to this user.
        ConfigurationError: if the roster cannot be used.
    """
    ownership.check_company(settings, company.name)
    rosters.load([company])


def earlier_snapshot(
    settings: Settings, company: Company, plan: Collect, shown: Mapping[str, str]
) -> tuple[Landed | None, Manifest | None]:
    """The company's newest snapshot, where an earlier run has read it and it is not published.

    Args:
        settings: where everything lies.
        company: its settings.
        plan: how this run would read the company.
        shown: what is published, as `published_snapshots` gives it.

    Returns:
        First, the snapshot if it is as good as a read now; else, second, the snapshot that is to be built and
        published while the company is read again.

    Raises:
        LandingError: if the newest manifest cannot be read.
    """
    newest = unpublished(Landing(settings.storage).of(company.name), shown)
    if newest and replaces_a_read(newest, company, plan):
        return Landed(newest, is_earlier=True), None
    return None, newest


async def land(
    settings: Settings,
    company: Company,
    *,
    observer: Observer,
    plan: Collect | None = None,
    accept_shrink: bool = False,
) -> Landed:
    """Read a company, and commit the snapshot.

    Args:
        settings: where everything lies.
        company: its settings.
        observer: receives the progress.
        plan: how it is collected; by default, as its settings say.
        accept_shrink: whether the snapshot is taken although many users are gone.

    Returns:
        The committed snapshot; see `rejection` for one that was not accepted.

    Raises:
        PipedriveGraphError: as `collect` does.
    """
    landing = Landing(settings.storage).of(company.name)
    manifest = await collect(
        company,
        landing,
        observer=observer,
        plan=plan or company.collect,
        accept_shrink=accept_shrink,
        journal=Journal.of(settings, company.name).mark(),
    )
    return Landed(manifest)


def rejection(manifest: Manifest) -> RejectedError:
    """The error for a snapshot that was not accepted: nothing of it is built or published."""
    reason = manifest.verdict.reason
    if manifest.verdict.shrunk:
        return ShrunkError(
            f"{reason} Nothing was published. If that is right, run sync once with --accept-shrink"
            f' (in Dagster, launch the run once with accept_shrink: "{manifest.snapshot_id}").'
        )
    return RejectedError(f"{reason} The snapshot was put aside and nothing was published; run sync again.")


def is_confirmed(landing: CompanyLanding, value: object) -> bool:
    """Whether a run's configuration names the newest snapshot, and it was refused for its gone users.

    Its id holds microseconds, so only somebody who has read the refusal can give it.

    Raises:
        ConfigurationError: if the configuration gives something else.
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
