"""Checks Pipedrive's responses: the owner of the token, and the lists that a snapshot needs."""

from __future__ import annotations

import asyncio

from pipedrive_graph.checkup.check import Check, fault, warning
from pipedrive_graph.collect.acceptance import never_offered
from pipedrive_graph.collect.clock_check import check_clock
from pipedrive_graph.collect.plan import PAGE
from pipedrive_graph.collect.resume import identity_of, refuse_another_company, refuse_without_users
from pipedrive_graph.collect.visibility import VISIBILITY_LISTS
from pipedrive_graph.config.company import Company
from pipedrive_graph.config.home import Home
from pipedrive_graph.errors import ClockError, IncompleteError, RejectedError
from pipedrive_graph.landing import CompanyLanding, Landing
from pipedrive_graph.pipedrive.answers import Answer, Outcome
from pipedrive_graph.pipedrive.client import Pipedrive
from pipedrive_graph.pipedrive.endpoints import Call, Endpoint
from pipedrive_graph.pipedrive.models import Me


def answers(home: Home, company: Company) -> list[Check]:
    """Request the token's owner and the first page of each list: four requests, or six with visibility.

    Raises:
        PipedriveGraphError: the errors that a sync raises before it requests details.
    """
    return asyncio.run(_ask(company, Landing(home.storage).of(company.name)))


async def _ask(company: Company, landing: CompanyLanding) -> list[Check]:
    checks: list[Check] = []

    def warn(text: str) -> None:
        checks.append(warning("pipedrive", text, company=company.name))

    async with Pipedrive.of(company, on_warning=warn) as client:
        owner = (await client.preflight()).rows(Me)[0]
        refuse_another_company(landing, identity_of(owner, company, company.collect))
        users = await client.fetch(Call(Endpoint.USERS, limit=PAGE))
        refuse_without_users(landing, [users])
        if users.outcome is not Outcome.ANSWERED:
            raise RejectedError(f"The list of users was not answered: {_reason(users)}.")
        for endpoint in (Endpoint.ROLES, Endpoint.PERMISSION_SETS):
            answer = await client.fetch(Call(endpoint, limit=PAGE))
            if answer.outcome is not Outcome.ANSWERED:
                checks.append(_missing(company, landing, answer))
        for endpoint in VISIBILITY_LISTS if company.visibility else ():
            answer = await client.fetch(Call(endpoint, limit=PAGE))
            if answer.outcome is not Outcome.ANSWERED:
                text = f"The list {endpoint} is not answered ({_reason(answer)}): its data stays unknown."
                checks.append(warning("pipedrive", text, company=company.name))
        stats, server_time = client.stats, client.server_time
    text = (
        f"{owner.company_name or owner.company_id} at {company.base_url}, as {owner.email or owner.id}; "
        f"{stats.limit} requests per {stats.window:g} s"
    )
    try:
        check_clock(landing, server_time, warn)
    except ClockError as error:
        checks.append(fault("clock", error, company=company.name))
    return [Check("pipedrive", text, company=company.name), *checks]


def _missing(company: Company, landing: CompanyLanding, answer: Answer) -> Check:
    """The result for an unanswered list: the snapshot is partial, unless Pipedrive never offered the list."""
    endpoint = answer.call.endpoint
    text = f"The list {endpoint} is not answered ({_reason(answer)})"
    if never_offered(answer.outcome, endpoint, landing):
        return warning("pipedrive", f"{text}: its data stays unknown.", company=company.name)
    error = IncompleteError(f"{text}: the next snapshot would be partial.")
    return fault("pipedrive", error, company=company.name)


def _reason(answer: Answer) -> str:
    return answer.problem or (f"status {answer.status}" if answer.status else "no answer")
