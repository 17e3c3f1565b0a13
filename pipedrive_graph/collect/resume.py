"""Whose answers a run brings, and which snapshot that was cut off it may go on with."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from pipedrive_graph import __version__
from pipedrive_graph.common import clock
from pipedrive_graph.config.company import Collect, Company
from pipedrive_graph.errors import NotAuthorisedError
from pipedrive_graph.landing import CompanyLanding, Identity, Snapshot, abandon
from pipedrive_graph.pipedrive.answers import Answer, Outcome
from pipedrive_graph.pipedrive.models import Me

RESUME_WITHIN = timedelta(hours=6)
"""An unfinished snapshot older than this is begun anew: its answers no longer fit together.

Where the day's budget has ended its run, it is counted from the time at which that was to go on.
"""

OLDEST_ANSWERS = timedelta(days=7)
"""A snapshot that was begun longer ago is never finished, whatever was promised for it.

So an answer that is published as observed is at most so old. It is longer than a day because the daily
budget may not suffice to read a large company on one day.
"""


def identity_of(owner: Me, company: Company, plan: Collect) -> Identity:
    """Return whose answers a run brings that is authorised by `owner`."""
    return Identity(
        collect=plan,
        base_url=company.base_url,
        company_id=owner.company_id,
        token_owner=owner.id,
        version=__version__,
    )


def refuse_another_company(landing: CompanyLanding, identity: Identity) -> None:
    """Refuse a token of another company: everybody would be taken for removed.

    Raises:
        NotAuthorisedError: if the company's snapshots are of another one.
    """
    newest = landing.latest()
    if newest and newest.identity.company_id != identity.company_id:
        raise NotAuthorisedError(
            f"The token belongs to Pipedrive company {identity.company_id}, but the snapshots of "
            f"'{landing.company}' are of company {newest.identity.company_id}: nothing was changed. "
            "Set the right token, or another company name."
        )


def refuse_without_users(landing: CompanyLanding, users: Sequence[Answer]) -> None:
    """Refuse a token that may not list the users: nothing can be read with it.

    Args:
        landing: the company's snapshots.
        users: the pages of the list; at least one.

    Raises:
        NotAuthorisedError: if the list is refused.
    """
    if users[0].outcome is Outcome.REFUSED:
        raise NotAuthorisedError(
            f"The token of company '{landing.company}' may not list its users; "
            "use the token of a Pipedrive admin."
        )


@dataclass(frozen=True, slots=True)
class Drafts:
    """The drafts of a company.

    Attributes:
        resumable: the newest that may be finished; None where there is none.
        others: the folders of those that are not finished, each with the reason.
        damaged: the folders of those that are not as they were written, each with what is wrong.
    """

    resumable: Snapshot | None
    others: list[tuple[Path, str]]
    damaged: list[tuple[Path, str]]


def drafts_of(landing: CompanyLanding, identity: Identity) -> Drafts:
    """Return the drafts of a company, judged for a run with this identity; nothing is written."""
    intact, damaged = landing.drafts()
    chosen: Snapshot | None = None
    others: list[tuple[Path, str]] = []
    for snapshot in intact:
        draft, now = snapshot.draft, clock.now()
        continues_at = draft.continues_at or draft.started_at
        if continues_at - draft.started_at > OLDEST_ANSWERS:  # a server has named a time that cannot be
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
    """Return the draft that is to be finished, if there is one; abandon any other.

    Args:
        landing: the company's snapshots.
        identity: whose answers this run brings.
        on_warning: called for each draft that is damaged; no draft is worth more than a new read.
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
