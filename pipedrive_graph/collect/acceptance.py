"""Acceptance of a snapshot: decides whether it is complete, partial or rejected, and why.

A snapshot is accepted if two conditions hold. The list of users was answered in full. And enough of the calls
for details were answered: at most two, or 5 %, may be missing, and each kind of detail (permissions of users,
role assignments, contents of permission sets) has at least one answer. A kind without any answer means that
this Pipedrive, or this token, does not provide it at the moment. For example, a company of one user whose
permissions are not answered is rejected, because nobody's permissions are known; a company of two is partial.

An accepted snapshot is partial if anything is missing or contradictory: a detail, a list, a row that cannot
be read (its subject is unknown), two rows with the same id and different values, or many of the
assignments that Pipedrive counts itself (`unseen`). A list that Pipedrive refuses counts as missing from the
first snapshot on, and so does an absent list of roles (404). An absent list of permission sets (404) does not
count if no earlier snapshot had it: some editions do not have permission sets.

Who can see what is optional: answers about it that are missing make a snapshot partial, never rejected, and
a feature that is not offered (403, 404) does not count.
"""

from __future__ import annotations

from collections import Counter

from pipedrive_graph.collect.call_log import CallLog
from pipedrive_graph.collect.unseen import unseen
from pipedrive_graph.collect.visibility import VISIBILITY_LISTS
from pipedrive_graph.common.text import counted
from pipedrive_graph.landing import CompanyLanding, Coverage, KnownIds, Verdict
from pipedrive_graph.pipedrive.answers import Outcome
from pipedrive_graph.pipedrive.endpoints import Endpoint

MISSING_SHARE, MISSING_COUNT = 0.05, 2
"""How many details may be missing: this share, or this count if it is more."""

KINDS = {
    Endpoint.PERMISSIONS: "permissions of users",
    Endpoint.ROLE_ASSIGNMENTS: "role assignments",
    Endpoint.ROLE_MEMBERS: "role assignments",
    Endpoint.PERMISSION_SET: "contents of permission sets",
}
"""Kinds of details, by the calls that return them."""

SHRINK_SHARE, SHRINK_COUNT = 0.20, 5
"""If more than this share, and at least this count, of the known users are gone, an operator must confirm."""


def verdict(call_log: CallLog, known: KnownIds, landing: CompanyLanding, *, accept_shrink: bool) -> Verdict:
    """Return the verdict on a run.

    Args:
        call_log: the calls of the run and their outcomes.
        known: the users, roles and permission sets that existed before.
        landing: the company's earlier snapshots.
        accept_shrink: the operator confirms that so many users are gone.
    """
    if not call_log.offered(Endpoint.USERS):
        problem = call_log.listed[Endpoint.USERS][-1].problem
        return Verdict(status="rejected", reason=f"The list of users was not answered in full: {problem}.")
    optional = [call for call in call_log.missing() if call in call_log.optional]
    missing = len(call_log.missing()) - len(optional)
    asked = len(call_log.outcomes.keys() - call_log.optional)
    unanswered = f"{missing} of {asked} calls about single subjects were not answered"
    allowed = max(MISSING_COUNT, int(MISSING_SHARE * asked))
    if missing > allowed:
        reason = f"{unanswered}; at most {allowed} may be missing."
        return Verdict(status="rejected", reason=reason)
    silent = _silent_kinds(call_log)
    if silent:
        reason = f"{unanswered}, including every call for {' and '.join(silent)}."
        return Verdict(status="rejected", reason=reason)
    before, gone = len(known.users), call_log.gone(Endpoint.USER)
    if gone >= SHRINK_COUNT and gone > SHRINK_SHARE * before and not accept_shrink:
        reason = f"{gone} of the {before} known users are gone since the last snapshot."
        return Verdict(status="rejected", reason=reason, shrunk=True)
    reasons = [f"{unanswered}."] if missing else []
    reasons += [
        f"The list {endpoint} was not answered:"
        f" {(call_log.listed[endpoint][-1].problem or 'Pipedrive does not have it').rstrip('.')}."
        for endpoint in (Endpoint.ROLES, Endpoint.PERMISSION_SETS)
        if not call_log.offered(endpoint)
        and not never_offered(call_log.listed[endpoint][-1].outcome, endpoint, landing)
    ]
    if optional:
        reasons.append(
            f"{len(optional)} of {len(call_log.optional)} calls about who can see what were not answered."
        )
    reasons += [
        f"The list {endpoint} was not answered: {(call_log.listed[endpoint][-1].problem or '').rstrip('.')}."
        for endpoint in VISIBILITY_LISTS
        if endpoint in call_log.listed and call_log.listed[endpoint][-1].outcome is Outcome.FAILED
    ]
    reasons += [
        f"The list {endpoint} announces more rows than it gives; new ones may be missing."
        for endpoint, pages in call_log.listed.items()
        if pages[-1].announces_more
    ]
    reasons += unseen(call_log)
    twice = call_log.contradictions
    if twice:
        reasons.append(
            f"{counted(len(twice), 'id')} appear more than once in a list with different values, so these"
            f" values are unknown (see unreadable_values), first {twice[0]}."
            if len(twice) > 1
            else f"One id appears more than once in a list with different values, so these values are unknown"
            f" (see unreadable_values): {twice[0]}."
        )
    rows = call_log.unreadable()
    if rows:
        reasons.append(
            f"{counted(len(rows), 'row')} cannot be read (see unreadable_values), first in {rows[0]}."
        )
    return Verdict(status="partial", reason=" ".join(reasons)) if reasons else Verdict(status="complete")


def _silent_kinds(call_log: CallLog) -> list[str]:
    """Return the kinds of details that were requested and never answered."""
    missing = set(call_log.missing())
    asked = Counter[str]()
    unanswered = Counter[str]()
    for call in call_log.outcomes:
        kind = KINDS.get(call.endpoint)
        # a call that proves an absence concerns one subject and does not say whether the kind is available
        if kind and call not in call_log.proofs and call.endpoint not in call_log.unavailable:
            asked[kind] += 1
            unanswered[kind] += call in missing
    return sorted(kind for kind in asked if asked[kind] == unanswered[kind])


def never_offered(outcome: Outcome, endpoint: Endpoint, landing: CompanyLanding) -> bool:
    """Whether this company's Pipedrive never had this list; every edition has roles."""
    return (
        outcome is Outcome.GONE and endpoint is not Endpoint.ROLES and not _offered_before(landing, endpoint)
    )


def _offered_before(landing: CompanyLanding, endpoint: Endpoint) -> bool:
    """Whether an accepted snapshot has an answer for this list."""
    earlier = (m.coverage.get(endpoint, Coverage()) for m in landing.newest_first() if m.accepted)
    return any(coverage.answered for coverage in earlier)
