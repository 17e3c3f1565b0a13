"""The rules that anomalies are planted for, with the default severity of their findings."""

from __future__ import annotations

STANDING = {
    # accounts
    "dormant_admin": "high",
    "dormant_user": "medium",
    "never_logged_in": "medium",
    "inactive_user_with_role": "medium",
    "inactive_user_with_permissions": "medium",
    "inactive_admin": "high",
    "duplicate_email": "low",
    "external_email_domain": "medium",
    "shared_mailbox": "medium",
    # structure
    "user_without_role": "medium",
    "role_mismatch": "medium",
    "multiple_roles": "medium",
    "dangling_role_assignment": "high",
    "dangling_permission_set": "high",
    "role_cycle": "medium",
    "empty_role": "low",
    "duplicate_permission_sets": "low",
    "count_mismatch": "info",
    # privilege
    "single_admin": "high",
    "too_many_admins": "medium",
    "admin_flag_mismatch": "high",
    "shadow_admin": "high",
    "unexplained_permission": "high",
    "missing_permission": "low",
    "sensitive_permission": "medium",
    # toxic combinations
    "toxic_exfiltrate": "high",
    "toxic_destroy_and_cover": "high",
    "toxic_forecast_fraud": "high",
    "toxic_reveal_and_take": "high",
    "toxic_mass_load": "medium",
}
"""Rules that one snapshot can fire; `empty_role` needs a week of history."""

EVENTS = {
    "admin_granted": "high",
    "sensitive_permission_granted": "high",
    "new_user_admin": "high",
    "reactivated_user": "medium",
    "permission_set_changed": "high",
    "role_moved": "medium",
    "permission_creep": "medium",
    "mass_change": "high",
}
"""Rules about changes between two snapshots."""

ROSTER = {
    "leaver_still_active": "high",
    "not_on_roster": "medium",
    "expected_role_differs": "medium",
}
"""Rules that need the roster."""

SEVERITIES = STANDING | EVENTS | ROSTER
