"""Judges what a snapshot is worth: complete, partial or rejected, and why."""

from __future__ import annotations

from pipedrive_graph.collect.ledger import Ledger
from pipedrive_graph.landing import CompanyLanding, Coverage, Known, Verdict
from pipedrive_graph.pipedrive.answers import Outcome
from pipedrive_graph.pipedrive.endpoints import Endpoint

ACCEPTED_SHARE = 0.95
"""A snapshot with a smaller share of its details answered is rejected."""

SHRINK_SHARE, SHRINK_COUNT = 0.20, 5
"""More than this share, and at least this count, of the known users gone needs a person's word."""


def verdict(ledger: Ledger, known: Known, landing: CompanyLanding, *, accept_shrink: bool) -> Verdict:
    """Judge a collection.

    Args:
        ledger: what was asked, and how it ended.
        known: who was there before.
        landing: the snapshots before it.
        accept_shrink: a person says that it is right that so many users are gone.
    """
    if not ledger.offered(Endpoint.USERS):
        problem = ledger.listed[Endpoint.USERS][-1].problem
        return Verdict(status="rejected", reason=f"The list of users was not answered in full: {problem}.")
    missing, asked = len(ledger.missing()), len(ledger.outcomes)
    told = f"{missing} of {asked} calls about single subjects were not answered"
    if missing > (1 - ACCEPTED_SHARE) * asked:
        return Verdict(status="rejected", reason=f"{told}; at least {ACCEPTED_SHARE:.0%} are needed.")
    before, gone = len(known.users), ledger.gone(Endpoint.USER)
    if gone >= SHRINK_COUNT and gone > SHRINK_SHARE * before and not accept_shrink:
        reason = f"{gone} of the {before} known users are gone since the last snapshot."
        return Verdict(status="rejected", reason=reason, shrunk=True)
    reasons = [f"{told}."] if missing else []
    reasons += [
        f"The list {endpoint} was not answered: {ledger.listed[endpoint][-1].problem or 'it is gone'}."
        for endpoint in (Endpoint.ROLES, Endpoint.PERMISSION_SETS)
        if not ledger.offered(endpoint) and not _never_offered(ledger, landing, endpoint)
    ]
    reasons += [
        f"The list {endpoint} announces more than it gives; who or what is new there may be missing."
        for endpoint, pages in ledger.listed.items()
        if pages[-1].next_start is not None
    ]
    return Verdict(status="partial", reason=" ".join(reasons)) if reasons else Verdict(status="complete")


def _never_offered(ledger: Ledger, landing: CompanyLanding, endpoint: Endpoint) -> bool:
    """Whether this company's Pipedrive has no such list, or never showed it to this token."""
    return ledger.listed[endpoint][-1].outcome is not Outcome.FAILED and not offered_before(landing, endpoint)


def offered_before(landing: CompanyLanding, endpoint: Endpoint) -> bool:
    """Whether an accepted snapshot has an answer of this list."""
    earlier = (m.coverage.get(endpoint, Coverage()) for m in landing.newest_first() if m.accepted)
    return any(coverage.answered for coverage in earlier)
