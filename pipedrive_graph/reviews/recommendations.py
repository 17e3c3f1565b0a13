"""Recommends a decision about a user, with the reason, from the findings and from what is unknown."""

from __future__ import annotations

from pipedrive_graph.common.text import counted
from pipedrive_graph.reviews.items import Holder, Issue

STILL_PRESENT = "revoked_access_still_present"
"""The rule that finds access which an earlier review revoked."""

_UNUSED = ("never_logged_in", "dormant_user", "dormant_admin")
_NOT_LIVE = ("inactive_user_with_role", "inactive_user_with_permissions", "inactive_admin")

_LOOK_CLOSER = frozenset({"permission_outlier", "unexplained_permission", "not_on_roster"})
"""Rules whose findings are worth a closer look, whatever their severity; so are all toxic combinations."""

_SHOWN = 3
"""How many findings a reason names; the row lists all."""


def recommend(holder: Holder) -> tuple[str, str]:
    """Return the recommendation and its reason.

    Waived findings are accepted and do not count.

    Returns:
        The recommendation, and the reason as a sentence.
    """
    issues = [issue for issue in holder.findings if issue.status == "open"]
    to_revoke = _reasons_to_revoke(holder, issues)
    if to_revoke:
        return "revoke", _sentence(to_revoke)
    closer = [issue for issue in issues if _needs_closer_look(issue)]
    if closer:
        return "look closer", _sentence(_named(closer))
    unknown = _unknown(holder)
    if unknown:
        return "unknown", f"Unknown: {', '.join(unknown)}."
    lesser = f"; {counted(len(issues), 'finding')} of lower severity" if issues else ""
    return "keep", f"{'In use' if holder.last_login else 'New'}, and nothing speaks against it{lesser}."


def _reasons_to_revoke(holder: Holder, issues: list[Issue]) -> list[str]:
    rules = {issue.rule for issue in issues}
    reasons = []
    if "leaver_still_active" in rules:
        reasons.append("the roster marks the person as a leaver")
    if any(issue.rule == STILL_PRESENT and issue.object == "account" for issue in issues):
        reasons.append("an earlier review revoked the access, and it is still there")
    if holder.live is False or rules.intersection(_NOT_LIVE):
        state = "deleted" if holder.deleted else "deactivated"
        reasons.append(f"the account is {state}, and still has access")
    if rules.intersection(_UNUSED):
        last = holder.last_login
        reasons.append(f"has not logged in since {last:%Y-%m-%d}" if last else "has never logged in")
    return reasons


def _needs_closer_look(issue: Issue) -> bool:
    return (
        issue.severity in {"critical", "high"}
        or issue.rule in _LOOK_CLOSER
        or issue.rule.startswith("toxic_")
    )


def _named(issues: list[Issue]) -> list[str]:
    """Return the titles of the rules, each once, with the number of findings if there are several."""
    counts: dict[str, int] = {}
    for issue in issues:
        counts[issue.title] = counts.get(issue.title, 0) + 1
    named = [title if count == 1 else f"{title} ({count})" for title, count in counts.items()]
    more = len(named) - _SHOWN
    return [*named[:_SHOWN], f"and {more} more"] if more > 0 else named


def _unknown(holder: Holder) -> list[str]:
    missing_of = {
        "whether the account is active": holder.live is None,
        "whether the user is an admin": holder.admin is None,
        "the last login": not holder.login_known,
        "the roles": holder.roles is None,
        "the permission sets": holder.permission_sets is None,
        "the permissions": holder.sensitive_permissions is None
        or any(flag.source is None for flag in holder.sensitive_permissions),
    }
    return [name for name, missing in missing_of.items() if missing]


def _sentence(parts: list[str]) -> str:
    text = "; ".join(parts)
    return f"{text[0].upper()}{text[1:]}."
