"""The rules about permissions of users."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from .reading import Reading, is_admin, is_live
from .rules_of_users import About

EXPORT, API = {"can_export_data_from_lists"}, {"can_use_api"}
MERGE = {"can_merge_deals", "can_merge_people", "can_merge_organizations"}
SHOW = {"can_change_visibility_of_items", "can_see_hidden_items_names"}
BULK, IMPORT, DELETE = {"can_bulk_edit_items"}, {"can_use_import"}, {"can_delete_deals"}
SENSITIVE = {*EXPORT, *API, *IMPORT, *BULK, *DELETE, *MERGE, *SHOW, "can_see_security_dashboard"}

Clauses = tuple[set[str], ...]

TOXIC: dict[str, tuple[str, Clauses]] = {
    "toxic_exfiltrate": (
        "high",
        (EXPORT, API, {"can_see_other_users", "can_see_company_wide_statistics"}),
    ),
    "toxic_destroy_and_cover": ("high", (DELETE, {"can_delete_activities"}, BULK | MERGE)),
    "toxic_forecast_fraud": (
        "high",
        ({"can_edit_deals_closed_date"}, {"can_delete_activities", "can_edit_products"}),
    ),
    "toxic_reveal_and_take": ("high", (SHOW, EXPORT)),
    "toxic_mass_load": ("medium", (IMPORT, BULK, {"can_create_own_workflow"})),
}


def combined(clauses: Clauses, flags: set[str]) -> bool:
    """Whether the flags contain one of each clause."""
    return all(clause & flags for clause in clauses)


def of_user(reading: Reading, user: Any, _now: datetime) -> About:
    held = reading.holds(user["id"])
    if "is_admin" in user and bool(user["is_admin"]) != is_admin(user):
        yield "admin_flag_mismatch", None, "high"
    if reading.sets is not None:
        grants = reading.grants(user)
        known = {entry["permission_set_id"] for entry in user["access"]} <= {None, *reading.sets}
        if is_live(user):
            for flag in (grants & reading.named) - held:
                yield "missing_permission", flag, "low"
        if known and not is_admin(user):
            for flag in held - grants:
                yield "unexplained_permission", flag, "high"
    if is_admin(user) or not is_live(user):
        return
    for flag in held & SENSITIVE:
        if any(unusual(reading, role_id, flag) for role_id in reading.roles_of(user["id"])):
            yield "sensitive_permission", flag, "medium"
    if reading.common <= held and len(reading.common & SENSITIVE) >= 3:
        yield "shadow_admin", None, "high"
    if reading.sets is not None:
        ids = {entry["permission_set_id"] for entry in user["access"]} & set(reading.sets)
        contents = [set(reading.sets[set_id]["contents"]) for set_id in ids]
        for name, (severity, clauses) in TOXIC.items():
            if combined(clauses, held) and not any(combined(clauses, one) for one in contents):
                yield name, name, severity


def unusual(reading: Reading, role_id: int, flag: str) -> bool:
    """Whether fewer than half of a role of three or more hold a flag."""
    members = len(reading.members.get(role_id, []))
    return members >= 3 and reading.holders(role_id, flag) < members / 2
