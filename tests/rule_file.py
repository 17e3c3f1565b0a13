"""Texts of custom rules for tests: the header that a rule must have, and a query about users."""

from __future__ import annotations

DEFAULTS = {
    "title": "Lives",
    "severity": "info",
    "meaning": "Somebody is there.",
    "remedy": "Say hello.",
    "reference": "none",
    "needs": "users",
    "identity": "subject",
}


def rule_file(query: str, *, comment: str, **settings: str) -> str:
    """The text of a rule's file.

    Args:
        query: the rule's query.
        comment: the first sentence of the header.
        settings: settings that differ from the defaults; a rule in sql/findings also needs `kind`.
    """
    header = [comment, "", *(f"{name}: {text}" for name, text in (DEFAULTS | settings).items())]
    return "\n".join([*(f"-- {line}".rstrip() for line in header), "", query, ""])


def about_users(
    source: str, *, title: str, evidence: str = "{'user': label}", thing: str = "CAST(NULL AS VARCHAR)"
) -> str:
    """A query with a finding per user.

    Args:
        source: what follows FROM.
        title: the finding's title, as SQL.
        evidence: the evidence, as SQL.
        thing: the finding's object, as SQL.
    """
    return f"""\
SELECT
    company,
    'user' AS subject_kind,
    CAST(user_id AS VARCHAR) AS subject_id,
    {thing} AS object,
    'info' AS severity,
    {title} AS title,
    to_json({evidence}) AS evidence
FROM {source}"""  # noqa: S608 - SQL of a test
