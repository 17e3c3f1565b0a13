"""What a call costs of the company's daily budget, in tokens, by path template.

Source: the vendor's reference of its API v1, which prices every endpoint on its page; a page of a list
costs as much as the list. Whether an answer that is an error costs anything is not documented: it is
counted as if it did.
"""

from __future__ import annotations

TOKENS: dict[str, int] = {
    "users/me": 2,
    "users": 20,
    "users/{id}": 2,
    "users/{id}/roleAssignments": 10,
    "users/{id}/permissions": 10,
    "roles": 20,
    "roles/{id}": 2,
    "roles/{id}/assignments": 10,
    "permissionSets": 20,
    "permissionSets/{id}": 2,
    "permissionSets/{id}/assignments": 20,
}
"""Tokens per GET request."""


def tokens(endpoint: str) -> int:
    """Return what one request to an endpoint, named by its template, costs.

    Raises:
        KeyError: if the endpoint is not in the table.
    """
    return TOKENS[endpoint]
