"""Stories about privilege: flags that nobody can explain, that others lack, or that make an admin."""

from __future__ import annotations

from pipedrive_graph.simulator.anomalies.stage import OFFICIAL, Stage, Variants
from pipedrive_graph.simulator.model import Access, User
from pipedrive_graph.simulator.permissions import APP_FLAGS, SELLER, SENSITIVE

TOXIC = (
    "toxic_exfiltrate",
    "toxic_destroy_and_cover",
    "toxic_forecast_fraud",
    "toxic_reveal_and_take",
    "toxic_mass_load",
)

_ALONE = ("can_export_data_from_lists", "can_delete_deals", "can_see_hidden_items_names")
"""Sensitive flags of which one alone is no toxic combination, whatever else an ordinary user holds."""

_HARMLESS = ("can_convert_deals_to_leads", "can_edit_shared_filters", "can_edit_custom_fields")
"""Flags that are not sensitive, and that no ordinary user's sets grant."""


def flagged_as_admin(stage: Stage) -> None:
    """The older field calls somebody an admin who is none."""
    user = stage.person()
    user.is_admin = 1
    stage.found("admin_flag_mismatch", user, dialects=("brief",))


def not_flagged_as_admin(stage: Stage) -> None:
    """The older field calls an admin none."""
    user = stage.partial_admin(stage.person())
    user.is_admin = 0
    stage.found("admin_flag_mismatch", user, dialects=("brief",))


def sensitive_flag(stage: Stage) -> None:
    """Somebody holds a sensitive flag by exception."""
    stage.deviate(stage.person(), stage.rng.choice(_ALONE))


def harmless_flags(stage: Stage) -> None:
    """Somebody holds flags by exception that are not sensitive."""
    stage.deviate(stage.person(), *stage.rng.sample(_HARMLESS, stage.rng.randint(1, 2)))


def export_by_set(stage: Stage) -> None:
    """Of a role, one has the set that may export."""
    user = stage.person()
    give_export(stage, user)


def flag_missing(stage: Stage) -> None:
    """Somebody lacks what their set grants."""
    user = stage.person()
    _lack(stage, user, "can_see_other_users")


def flag_missing_of_admin(stage: Stage) -> None:
    """An admin lacks what their set grants."""
    user = stage.partial_admin(stage.person())
    _lack(stage, user, "can_merge_people")


def shadow_by_flags(stage: Stage) -> None:
    """All flags, nearly all by exception: no set grants any combination."""
    user = stage.person()
    user.access = [entry for entry in user.access or [] if entry.app == "global"]
    held = stage.company.explained(user.id)
    stage.deviate(user, *(flag for flag in stage.company.flags if flag not in held))
    stage.found("shadow_admin", user)
    for combination in TOXIC:
        stage.found_toxic(combination, user)


def shadow_by_sets(stage: Stage) -> None:
    """All flags by sets that are no admin's, but for one: three combinations are the deals set's own."""
    user = stage.person()
    deals = stage.own_set("Deals - operations", "sales", *_without("sales", "can_use_email_tracking"))
    sets = (
        deals,
        stage.own_set("Global - operations", "global", *_without("global", "can_share_insights")),
        stage.own_set(
            "Account - operations", "account_settings", *_without("account_settings", "can_add_custom_fields")
        ),
        stage.own_set("Projects - insights", "projects", "can_share_insights"),
    )
    user.access = [
        *(Access(entry.app, False, entry.id) for entry in sets),
        Access("campaigns", False, stage.company.set_id("campaigns", "regular")),
    ]
    stage.unusual(user, *SENSITIVE)
    stage.deviate(user, "can_add_custom_fields")
    stage.found("shadow_admin", user)
    for combination in ("toxic_destroy_and_cover", "toxic_forecast_fraud", "toxic_reveal_and_take"):
        stage.found_toxic(combination, deals)
    for combination in ("toxic_exfiltrate", "toxic_mass_load"):
        stage.found_toxic(combination, user)


def single_admin(stage: Stage) -> None:
    """Only the owner administers the account."""
    for user in stage.account_admins():
        if user.id != stage.company.owner_id:
            stage.company.drop_admin(user.id)
            stage.partial_admin(user)
    stage.found_company("single_admin")


def too_many_admins(stage: Stage) -> None:
    """More administer the account than can be needed."""
    active = sum(user.active for user in stage.company.users.values())
    # Clearly more than allowed, however the share is rounded.
    missing = int(max(4, 0.05 * active)) + 2 - len(stage.account_admins())
    for user in stage.people(missing):
        stage.company.make_admin(user.id)
    stage.found_company("too_many_admins")


def give_export(stage: Stage, user: User) -> None:
    """Give a user the set that may export: what a seller has, and that."""
    stage.give_set(user, stage.own_set("Deals - data desk", "sales", *SELLER, "can_export_data_from_lists"))
    stage.unusual(user, "can_export_data_from_lists")


def _lack(stage: Stage, user: User, flag: str) -> None:
    stage.company.revoke(user.id, flag)
    stage.found("missing_permission", user, flag, dialects=OFFICIAL)


def _without(app: str, flag: str) -> list[str]:
    # one less than the app's admin set, of which it would else be a copy
    return [other for other in APP_FLAGS[app] if other != flag]


STORIES: tuple[Variants, ...] = (
    (flagged_as_admin, not_flagged_as_admin),
    (sensitive_flag, harmless_flags),
    (export_by_set,),
    (flag_missing, flag_missing_of_admin),
    (shadow_by_flags, shadow_by_sets),
)
