"""What is recommended about a user, and why."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from pipedrive_graph.reviews.recommendations import recommend

from .literal import holder, issue

LONG_AGO = datetime.fromisoformat("2025-01-21 10:00")


@pytest.mark.parametrize(
    ("values", "recommendation", "reason"),
    [
        ({}, "keep", "In use, and nothing speaks against it."),
        ({"last_login": None}, "keep", "New, and nothing speaks against it."),
        (
            {"findings": (issue("sensitive_permission"), issue("role_mismatch"))},
            "keep",
            "In use, and nothing speaks against it; 2 findings of lower severity.",
        ),
        ({"findings": (issue("never_logged_in"),), "last_login": None}, "revoke", "Has never logged in."),
        (
            {"findings": (issue("dormant_user"),), "last_login": LONG_AGO},
            "revoke",
            "Has not logged in since 2025-01-21.",
        ),
        (
            {"findings": (issue("leaver_still_active", "high"), issue("dormant_admin", "high"))},
            "revoke",
            "The roster marks the person as a leaver; has not logged in since 2026-11-20.",
        ),
        ({"live": False}, "revoke", "The account is deactivated, and still has access."),
        ({"live": False, "deleted": True}, "revoke", "The account is deleted, and still has access."),
        (
            {"findings": (issue("revoked_access_still_present", "high", object="account"),)},
            "revoke",
            "An earlier review revoked the access, and it is still there.",
        ),
        (
            {"findings": (issue("revoked_access_still_present", "high", object="can_x"),)},
            "look closer",
            "Revoked access still present.",
        ),
        ({"findings": (issue("shadow_admin", "high"),)}, "look closer", "Shadow admin."),
        ({"findings": (issue("permission_outlier"),)}, "look closer", "Permission outlier."),
        ({"findings": (issue("toxic_mass_load"),)}, "look closer", "Toxic mass load."),
        (
            {"findings": (issue("unexplained_permission"),) * 3 + (issue("own", "critical"),)},
            "look closer",
            "Unexplained permission (3); own.".replace("own", "Own"),
        ),
        (
            {"findings": tuple(issue(name, "high") for name in "abcde")},
            "look closer",
            "A; B; C; and 2 more.",
        ),
        (
            {"findings": (issue("dormant_user", status="waived"),)},
            "keep",
            "In use, and nothing speaks against it.",
        ),
        ({"live": None}, "unknown", "Unknown: whether the account is active."),
        ({"login_known": False, "last_login": None}, "unknown", "Unknown: the last login."),
        (
            {"roles": None, "permission_sets": None, "sensitive_permissions": None, "admin": None},
            "unknown",
            "Unknown: whether the user is an admin, the roles, the permission sets, the permissions.",
        ),
        (
            {"sensitive_permissions": ({"permission": "can_x", "source": None},)},
            "unknown",
            "Unknown: the permissions.",
        ),
        (
            {"live": None, "findings": (issue("never_logged_in"),)},
            "revoke",
            "Has not logged in since 2026-11-20.",
        ),
    ],
)  # fmt: skip
def test_recommendation(values: dict[str, Any], recommendation: str, reason: str) -> None:
    assert recommend(holder(**values)) == (recommendation, reason)
