"""Resuming: checks that a token belongs to the company, and chooses the interrupted snapshot to finish."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from pipedrive_graph._version import __version__
from pipedrive_graph.common import clock
from pipedrive_graph.config.company import Collect, Company
from pipedrive_graph.errors import NotAuthorisedError
from pipedrive_graph.landing import CompanyLanding, Identity, Snapshot, abandon
from pipedrive_graph.pipedrive.answers import Answer, Outcome
from pipedrive_graph.pipedrive.models import Me

RESUME_WITHIN = timedelta(hours=6)
"""An unfinished snapshot older than this is not resumed: its early and late answers no longer fit together.

If the run ended because the day's budget was used up, the time counts from when it was to continue.
"""

OLDEST_ANSWERS = timedelta(days=7)
"""A snapshot that was started longer ago is never finished.

This limits the age of an answer that is published as observed. It is more than a day because the daily
budget may not suffice to read a large company in one day.
"""


def identity_of(owner: Me, company: Company, plan: Collect) -> Identity:
    """Return the identity of a run: token owner, company, base URL, plan and version."""
    return Identity(
        collect=plan,
        base_url=company.base_url,
        company_id=owner.company_id,
        token_owner=owner.id,
        version=__version__,
    )


def refuse_another_company(landing: CompanyLanding, identity: Identity) -> None:
    """Refuse a token of another company: all users would be taken for removed.

    Raises:
        NotAuthorisedError: if the existing snapshots belong to another company.
    """
    newest = landing.latest()
    if newest and newest.identity.company_id != identity.company_id:
        raise NotAuthorisedError(
            f"The token belongs to Pipedrive company {identity.company_id}, but the snapshots of "
            f"'{landing.company}' are of company {newest.identity.company_id}: nothing was changed. "
            "Set the right token, or another company name."
        )


def refuse_without_users(landing: CompanyLanding, users: Sequence[Answer]) -> None:
    """Refuse a token that may not list the users: without them nothing can be collected.

    Args:
        landing: the company's snapshots.
        users: the pages of the list of users; at least one.

    Raises:
        NotAuthorisedError: if Pipedrive refuses the list.
    """
    if users[0].outcome is Outcome.REFUSED:
        raise NotAuthorisedError(
            f"The token of company '{landing.company}' may not list its users; "
            "use the token of a Pipedrive admin."
        )


@dataclass(frozen=True, slots=True)
class Drafts:
    """The unfinished snapshots of a company.

    Attributes:
        resumable: the newest one that may be finished, if any.
        others: the folders of intact drafts that are not resumed, each with the reason.
        damaged: the folders of damaged drafts, each with the problem.
    """

    resumable: Snapshot | None
    others: list[tuple[Path, str]]
    damaged: list[tuple[Path, str]]


def drafts_of(landing: CompanyLanding, identity: Identity) -> Drafts:
    """Classify the drafts of a company for a run with this identity; writes nothing."""
    intact, damaged = landing.drafts()
    chosen: Snapshot | None = None
    others: list[tuple[Path, str]] = []
    for snapshot in intact:
        draft, now = snapshot.draft, clock.now()
        continues_at = draft.continues_at or draft.started_at
        if continues_at - draft.started_at > OLDEST_ANSWERS:  # the server announced an impossible time
            continues_at = draft.started_at
        if draft.identity != identity:
            others.append((snapshot.workspace, "begun with another token, base URL, plan or version"))
        elif now - draft.started_at > OLDEST_ANSWERS:
            others.append((snapshot.workspace, f"begun more than {OLDEST_ANSWERS.days} days ago"))
        elif now < draft.started_at or now - max(draft.started_at, continues_at) > RESUME_WITHIN:
            others.append((snapshot.workspace, f"not finished within {RESUME_WITHIN}"))
        else:
            if chosen:
                others.append((chosen.workspace, "a newer one was begun"))
            chosen = snapshot
    return Drafts(chosen, others, damaged)


def resumed(
    landing: CompanyLanding, identity: Identity, on_warning: Callable[[str], None]
) -> Snapshot | None:
    """Return the draft to finish, if there is one; abandon all others.

    Args:
        landing: the company's snapshots.
        identity: the identity of this run.
        on_warning: called for each damaged draft; it is set aside and a new snapshot is started.
    """
    landing.tidy()
    drafts = drafts_of(landing, identity)
    for folder, reason in [*drafts.others, *drafts.damaged]:
        abandon(folder, reason)
    for folder, problem in drafts.damaged:
        on_warning(
            f"The unfinished snapshot {folder.name} is set aside and not used: {problem}. The company is read"
            f" from the start; the files stay in {folder}."
        )
    return drafts.resumable
