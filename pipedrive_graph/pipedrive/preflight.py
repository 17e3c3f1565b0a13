"""The errors for a token that is not accepted, at the start (by the answer of `users/me`) and later."""

from __future__ import annotations

from pipedrive_graph.config.company import DEFAULT_BASE_URL, Names
from pipedrive_graph.errors import (
    ConfigurationError,
    NotAuthorisedError,
    NotPipedriveError,
    PipedriveGraphError,
    UnreachableError,
)
from pipedrive_graph.pipedrive.answers import Answer, Outcome
from pipedrive_graph.pipedrive.http_types import PROXY_OF
from pipedrive_graph.pipedrive.models import Me


def withdrawn(names: Names, login: str | None) -> NotAuthorisedError:
    """Return the error for a token that Pipedrive rejects in the middle of a run.

    Args:
        names: where the token is configured.
        login: how to log in again, if OAuth is used.
    """
    if login is None:
        return NotAuthorisedError(
            "Pipedrive no longer accepts the API token: it was changed or withdrawn while reading. What was"
            f" read is kept: set {names.token} to a valid one and run sync again."
        )
    return NotAuthorisedError(
        "Pipedrive no longer accepts the authorisation: it was withdrawn while reading. What was"
        f" read is kept: {login}, then sync again."
    )


def objection(
    answer: Answer, base_url: str, names: Names, login: str | None = None
) -> PipedriveGraphError | None:
    """Return the error for an answer of `users/me`, or None if the run may start.

    Args:
        answer: the final answer.
        base_url: the address without secrets, for the message.
        names: where the token and the address are configured.
        login: how to log in again, if OAuth is used instead of an API token.
    """
    by_token = login is None
    status = answer.status
    if answer.outcome is Outcome.ANSWERED:
        (me,) = answer.rows(Me)
        if me.is_admin_somewhere is False:
            return NotAuthorisedError(
                "The API token belongs to a user who is not an admin of this Pipedrive company: use the"
                " token of an admin."
                if by_token
                else "The user who authorised the app is not an admin of this Pipedrive company: let an admin"
                f" log in ({login})."
            )
        return None
    if status is None:
        return unreachable(base_url, answer.problem or "no response", names.base_url)
    if status == 401:
        return NotAuthorisedError(
            f"Pipedrive does not accept the API token: check {names.token} (in Pipedrive:"
            " Personal preferences, API)."
            if by_token
            else f"Pipedrive does not accept the authorisation: {login}."
        )
    if status == 402:
        return NotAuthorisedError(
            "Pipedrive reports that the company's account is closed: check its trial or billing."
        )
    if answer.outcome is Outcome.REFUSED:
        return NotAuthorisedError(
            "Pipedrive refuses the API token's owner (status 403): use the token of an admin who may"
            " use the API."
            if by_token
            else "Pipedrive refuses the user who authorised the app (status 403): give the app the scopes"
            f" users:read and admin in the Developer Hub, then {login} as an admin."
        )
    if status >= 500:
        return UnreachableError(
            f"Pipedrive at {base_url} responds to every attempt with status {status}: try again later."
        )
    return NotPipedriveError(
        f"The server at {base_url} is not Pipedrive's API ({answer.problem or f'status {status}'}):"
        f" check {names.base_url}, which is usually {DEFAULT_BASE_URL}."
    )


def unreachable(url: str, reason: str, setting: str) -> UnreachableError:
    """Return the error for an address that does not respond or that the proxy cannot reach."""
    if PROXY_OF in reason:
        return UnreachableError(
            f"The proxy of the environment cannot reach {url} ({reason}): check the network and the proxy."
        )
    return UnreachableError(f"No response from {url} ({reason}): check the network and {setting}.")


def refused_by_proxy(url: str, reason: str) -> ConfigurationError:
    """Return the error for a proxy that refuses the connection to any address."""
    return ConfigurationError(
        f"{reason[0].upper()}{reason[1:]}, on the way to {url}. Correct the proxy of the environment, or ask"
        " its operator."
    )
