"""The cost of a call in tokens of the company's daily budget, by path template.

Source: the vendor's reference of the API, which has a price for every endpoint; each page of a list costs as
much as the list. The documentation does not say whether an error response costs anything: it is counted.
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
    "pipelines": 5,
    "roles/{id}/pipelines": 20,
    "legacyTeams": 20,
    "deals": 10,
    "deals/{id}/permittedUsers": 10,
}
"""Tokens per GET request."""


def tokens(endpoint: str) -> int:
    """Return the cost of one request to an endpoint, given by its template.

    Raises:
        KeyError: if the endpoint is not in the table.
    """
    return TOKENS[endpoint]
