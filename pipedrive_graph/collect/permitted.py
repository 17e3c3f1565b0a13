"""Asks Pipedrive who sees a sample of deals, to check the model of visibility; stores nothing."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from pipedrive_graph.collect.plan import PAGE
from pipedrive_graph.collect.resume import identity_of, refuse_another_company
from pipedrive_graph.config.company import Company
from pipedrive_graph.errors import IncompleteError, NotAuthorisedError
from pipedrive_graph.landing import CompanyLanding
from pipedrive_graph.pipedrive.answers import Answer, Outcome
from pipedrive_graph.pipedrive.client import Pipedrive
from pipedrive_graph.pipedrive.endpoints import Call, Endpoint
from pipedrive_graph.pipedrive.models import Deal, Me, PermittedUser
from pipedrive_graph.pipedrive.ratelimit.costs import tokens


@dataclass(frozen=True, slots=True)
class Audience:
    """Who sees a deal, according to Pipedrive.

    Attributes:
        deal_id: the deal.
        owner_id: its owner.
        visible_to: its own visibility; None if Pipedrive does not say.
        user_ids: the users who see it.
    """

    deal_id: int
    owner_id: int
    visible_to: int | None
    user_ids: frozenset[int]


def cost(sample: int) -> int:
    """Return the most tokens that a sample costs: the token's owner, one page of deals, one call per deal."""
    return tokens(Endpoint.ME) + tokens(Endpoint.DEALS) + sample * tokens(Endpoint.PERMITTED_USERS)


async def audiences(
    company: Company, landing: CompanyLanding, sample: int, *, on_warning: Callable[[str], None]
) -> list[Audience]:
    """Return who sees a sample of the newest deals, by deal id; fewer if there are fewer deals.

    Args:
        company: the company to ask.
        landing: its snapshots, which show that the token belongs to the company.
        sample: the number of deals.
        on_warning: called with warnings for the operator.

    Raises:
        NotAuthorisedError: if Pipedrive refuses the deals to this token, or it belongs to another company.
        IncompleteError: if the list of deals, or a call for one of them, is not answered.
        PipedriveGraphError: the other errors of a collection, except those about writing.
    """
    async with Pipedrive.of(company, on_warning=on_warning) as client:
        me = await client.preflight()
        refuse_another_company(landing, identity_of(me.rows(Me)[0], company, company.collect))
        page = await client.fetch(Call(Endpoint.DEALS, limit=PAGE))
        _refuse(company, page)
        deals = {str(deal.id): deal for deal in chosen(page.rows(Deal), sample)}
        calls = [Call(Endpoint.PERMITTED_USERS, id=deal_id) for deal_id in deals]
        asked = [answer async for answer in client.fetch_all(calls)]
    for answer in asked:
        if answer.outcome is Outcome.REFUSED:
            _refuse(company, answer)
    # a user that cannot be read would count as one who does not see the deal
    failed = [answer for answer in asked if answer.outcome is Outcome.FAILED or answer.unreadable]
    if failed:
        problem = failed[0].problem or failed[0].unreadable[0].problem
        raise IncompleteError(
            f"Pipedrive did not answer {len(failed)} of {len(asked)} calls for the users who see a deal"
            f" ({problem}): run the check again later."
        )
    # a deal that was deleted meanwhile is not found; if none is found, the call does not exist
    if asked and all(answer.outcome is Outcome.GONE for answer in asked):
        _refuse(company, asked[0])
    return sorted(
        (
            _audience(deals[answer.call.id or ""], answer)
            for answer in asked
            if answer.outcome is Outcome.ANSWERED
        ),
        key=lambda audience: audience.deal_id,
    )


def chosen(deals: Iterable[Deal], sample: int) -> list[Deal]:
    """Return a sample of deals with as many owners as possible; the same deals give the same sample."""
    by_owner: dict[int, list[Deal]] = defaultdict(list)
    for deal in sorted(deals, key=_shuffled):
        if deal.owner_id is not None:
            by_owner[deal.owner_id].append(deal)
    ranked = [(rank, _shuffled(deal), deal) for own in by_owner.values() for rank, deal in enumerate(own)]
    return [deal for *_, deal in sorted(ranked, key=lambda row: row[:2])[:sample]]


def _shuffled(deal: Deal) -> bytes:
    return hashlib.sha256(str(deal.id).encode()).digest()


def _audience(deal: Deal, answer: Answer) -> Audience:
    users = frozenset(row.id for row in answer.rows(PermittedUser))
    return Audience(deal.id, deal.owner_id or 0, deal.visible_to, users)


def _refuse(company: Company, answer: Answer) -> None:
    """Refuse to go on without an answer.

    Raises:
        NotAuthorisedError: if Pipedrive refuses it to this token.
        IncompleteError: if Pipedrive does not have it, or did not answer.
    """
    match answer.outcome:
        case Outcome.REFUSED:
            raise NotAuthorisedError(
                f"Pipedrive refuses {answer.call.endpoint} to the token of company '{company.name}' (status"
                " 403): use the token of an admin of the Deals app, or give the OAuth app the scope"
                " deals:read."
            )
        case Outcome.GONE:
            raise IncompleteError(
                f"Pipedrive does not have {answer.call.endpoint} at {company.base_url} (status"
                f" {answer.status}), so visibility cannot be checked."
            )
        case Outcome.FAILED:
            raise IncompleteError(
                f"Pipedrive did not answer {answer.call.endpoint} ({answer.problem}): run the check again"
                " later."
            )
