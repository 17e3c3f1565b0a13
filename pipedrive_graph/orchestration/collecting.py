"""The collecting assets: one multi-asset, because one snapshot is one read of one company, at one pace.

Holds no logic: `pipedrive_graph.collect` collects, this tells Dagster about it.
"""

import asyncio
from collections.abc import Iterator
from typing import Any

import dagster as dg

from pipedrive_graph import build, ownership
from pipedrive_graph.collect import Observer, collect
from pipedrive_graph.companies import Collect
from pipedrive_graph.errors import ConfigurationError, PipedriveGraphError, RejectedError, ShrunkError
from pipedrive_graph.findings import rosters
from pipedrive_graph.findings.journal import Journal
from pipedrive_graph.forget.stage import resume
from pipedrive_graph.landing import CompanyLanding, Coverage, Landing, Manifest
from pipedrive_graph.losses import dated_ahead, refuse_to_collect
from pipedrive_graph.orchestration.checks import company_check
from pipedrive_graph.orchestration.configuration import Configuration
from pipedrive_graph.orchestration.observers import Watch
from pipedrive_graph.reviews.freezing import owners_problem
from pipedrive_graph.settings import Settings
from pipedrive_graph.unpublished import replaces_a_read, unpublished
from pipedrive_graph.warehouse.database import is_interrupt
from pipedrive_graph.warehouse.models import Models

GROUP = "pipedrive"

DESCRIPTIONS = {
    "users": "Everybody in the company, deactivated users included, with their apps, admin rights and "
    "permission "
    "sets, as Pipedrive answers tonight. Look here for how the night went: requests, throttled ones, "
    "seconds.",
    "roles": "The roles of the company: the tree that decides what their members see.",
    "permission_sets": "The permission sets, and what each of them allows, where Pipedrive offers them.",
    "role_assignments": "Who is assigned to which role: asked for each user, or for each role.",
    "user_permissions": "What each user may do: asked for each user, or (collected by access) for as many "
    "as tell what their permission sets give.",
}
"""The assets, each with its description; in the order in which they are asked for."""

ENDPOINTS = {
    "users": ("users", "users/{id}"),
    "roles": ("roles", "roles/{id}"),
    "permission_sets": ("permissionSets", "permissionSets/{id}"),
    "role_assignments": ("users/{id}/roleAssignments", "roles/{id}/assignments"),
    "user_permissions": ("users/{id}/permissions",),
}
"""The endpoints behind each asset."""


class CollectConfig(dg.Config):
    """What one run can be given.

    Attributes:
        collect: how the company is collected; by default, as its settings say.
        accept_shrink: the id of the snapshot that was refused because many users are gone, which the refusal
            names. Any type is accepted here, so that `true`, which was enough before, gets a sentence.
    """

    collect: str | None = None
    accept_shrink: Any = None


def collecting(companies: dg.PartitionsDefinition[str], models: Models) -> dg.AssetsDefinition:
    """The multi-asset of the five collecting assets, and its two checks."""

    @dg.multi_asset(
        name="collect",
        partitions_def=companies,
        specs=[
            dg.AssetSpec(name, description=text, group_name=GROUP, kinds={"http", "json"})
            for name, text in DESCRIPTIONS.items()
        ],
        check_specs=[
            company_check(
                "snapshot_accepted",
                asset=dg.AssetKey("users"),
                companies=companies,
                blocking=True,
                description="The list of users is complete, enough of the details were answered, "
                "and not too many users are gone at once.",
            ),
            company_check(
                "snapshot_complete",
                asset=dg.AssetKey("users"),
                companies=companies,
                description="Every call was answered. What was not stays as last known.",
            ),
        ],
    )
    def collect_company(
        context: dg.AssetExecutionContext,
        config: CollectConfig,
        configuration: dg.ResourceParam[Configuration],
        watch: dg.ResourceParam[Watch],
    ) -> Iterator[dg.MaterializeResult[None] | dg.AssetCheckResult]:
        watch.begin(context.partition_key)
        settings = configuration.settings
        company = settings.company(context.partition_key)
        ownership.check(settings, [company.name])
        rosters.load([company])  # a mistake in there is told before anything is asked
        observer = watch.observer(company.name, context.log)
        resumed = resume(settings, on_wait=observer.warn)
        if resumed:
            observer.warn(resumed)
        refuse_to_collect(settings, company.name, wait=observer.warn)
        for problem in (owners_problem(settings, company.name), dated_ahead(settings, company.name)):
            if problem:
                observer.warn(problem)
        build.take_over(settings, models, tell=observer.warn)
        landing = Landing(settings.landing).of(company.name)
        plan = Collect(config.collect) if config.collect else company.collect
        accept_shrink = configuration.accept_shrink or _confirmed(landing, config.accept_shrink)
        earlier = unpublished(landing, settings.published)
        if earlier and replaces_a_read(earlier, company, plan):
            observer.warn(
                f"Snapshot {earlier.snapshot_id} of an earlier run is not what is published:"
                " it is built and published now, without reading again."
            )
            manifest = earlier
            watch.collected(manifest, earlier=True)
        else:
            if earlier:
                _catch_up(settings, models, earlier, observer)
            manifest = asyncio.run(
                collect(
                    company,
                    landing,
                    observer=observer,
                    plan=plan,
                    accept_shrink=accept_shrink,
                    journal=Journal.of(settings, company.name).mark(),
                )
            )
            watch.collected(manifest)
        if not manifest.accepted:
            yield _check(manifest, "snapshot_accepted", passed=False)
            raise _rejected(manifest)
        for name in DESCRIPTIONS:
            metadata = _metadata(manifest, name, earlier=manifest is earlier)
            yield dg.MaterializeResult(asset_key=name, metadata=metadata)
        yield _check(manifest, "snapshot_accepted", passed=True)
        yield _check(manifest, "snapshot_complete", passed=manifest.verdict.status == "complete")

    return collect_company


def _catch_up(settings: Settings, models: Models, earlier: Manifest, observer: Observer) -> None:
    """Build and publish an earlier snapshot first; if that fails, the company is read all the same.

    The landing then has what Pipedrive says today, and the build fails where it shows, after it.
    """
    try:
        build.catch_up(settings, models, earlier.company, tell=observer.warn)
    except Exception as error:
        if is_interrupt(error):
            raise
        reason = str(error) if isinstance(error, PipedriveGraphError) else type(error).__name__
        observer.warn(f"Snapshot {earlier.snapshot_id} could not be built before reading: {reason}")
    else:
        observer.warn(
            f"Snapshot {earlier.snapshot_id} of an earlier run is not what is published:"
            " it was built and published first."
        )


def _confirmed(landing: CompanyLanding, value: object) -> bool:
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


def _rejected(manifest: Manifest) -> RejectedError:
    reason = manifest.verdict.reason
    if manifest.verdict.shrunk:
        return ShrunkError(
            f"{reason} Nothing was published. If that is right, run sync once with --accept-shrink"
            f' (in Dagster, launch the run once with accept_shrink: "{manifest.snapshot_id}").'
        )
    return RejectedError(f"{reason} The snapshot was put aside and nothing was published; run sync again.")


def _check(manifest: Manifest, name: str, *, passed: bool) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        check_name=name,
        asset_key=dg.AssetKey("users"),
        passed=passed,
        description=manifest.verdict.reason,
        metadata={"status": manifest.verdict.status},
    )


def _metadata(manifest: Manifest, name: str, *, earlier: bool) -> dict[str, int | float | str]:
    """What a person wants to know of one asset: how its calls ended; of the first, how the run went.

    Where an earlier run has read the snapshot, this one has sent no requests.
    """
    metadata: dict[str, int | float | str] = {"snapshot_id": manifest.snapshot_id}
    for endpoint in ENDPOINTS[name]:
        coverage = manifest.coverage.get(endpoint, Coverage())
        metadata |= {f"{endpoint}: {how}": number for how, number in coverage if number}
    if name == "users":
        metadata |= {
            "status": manifest.verdict.status,
            "collect": manifest.identity.collect,
            "requests": 0 if earlier else manifest.requests,
            "throttled": 0 if earlier else manifest.throttled,
            "seconds": 0.0
            if earlier
            else round((manifest.finished_at - manifest.started_at).total_seconds(), 1),
        }
    if name == "user_permissions":
        metadata |= {"users observed": manifest.observed or 0, "users inferred": manifest.inferred or 0}
    rows = {"users": manifest.users, "roles": manifest.roles}.get(name)
    return metadata if rows is None else {**metadata, "dagster/partition_row_count": rows}
