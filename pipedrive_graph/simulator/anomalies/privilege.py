"""Stories about privilege: unexplained or unusual flags, missing flags, shadow admins."""

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
"""Sensitive flags that are not part of a toxic combination with the other flags of an ordinary user."""

_HARMLESS = ("can_convert_deals_to_leads", "can_edit_shared_filters", "can_edit_custom_fields")
"""Flags that are not sensitive, and that no ordinary user's sets grant."""


def flagged_as_admin(stage: Stage) -> None:
    """The legacy field marks a user as an admin although they are not."""
    user = stage.person()
    user.is_admin = 1
    stage.expect("admin_flag_mismatch", user, dialects=("brief",))


def not_flagged_as_admin(stage: Stage) -> None:
    """The legacy field does not mark an admin."""
    user = stage.partial_admin(stage.person())
    user.is_admin = 0
    stage.expect("admin_flag_mismatch", user, dialects=("brief",))


def sensitive_flag(stage: Stage) -> None:
    """A user holds a sensitive flag without a permission set."""
    stage.deviate(stage.person(), stage.rng.choice(_ALONE))


def harmless_flags(stage: Stage) -> None:
    """A user holds flags without a permission set that are not sensitive."""
    stage.deviate(stage.person(), *stage.rng.sample(_HARMLESS, stage.rng.randint(1, 2)))


def export_by_set(stage: Stage) -> None:
    """One user of a role has the permission set that grants exporting."""
    user = stage.person()
    give_export(stage, user)


def flag_missing(stage: Stage) -> None:
    """A user lacks a flag that their permission set grants."""
    user = stage.person()
    _lack(stage, user, "can_see_other_users")


def flag_missing_of_admin(stage: Stage) -> None:
    """An admin lacks a flag that their permission set grants."""
    user = stage.partial_admin(stage.person())
    _lack(stage, user, "can_merge_people")


def shadow_by_flags(stage: Stage) -> None:
    """A user holds all flags, nearly all without a permission set: no set grants a toxic combination."""
    user = stage.person()
    user.access = [entry for entry in user.access or [] if entry.app == "global"]
    held = stage.company.explained(user.id)
    stage.deviate(user, *(flag for flag in stage.company.flags if flag not in held))
    stage.expect("shadow_admin", user)
    for combination in TOXIC:
        stage.expect_toxic(combination, user)


def shadow_by_sets(stage: Stage) -> None:
    """A user holds all flags, all but one by permission sets that are not of type admin.

    The deals set alone contains three toxic combinations.
    """
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
    stage.expect("shadow_admin", user)
    for combination in ("toxic_destroy_and_cover", "toxic_forecast_fraud", "toxic_reveal_and_take"):
        stage.expect_toxic(combination, deals)
    for combination in ("toxic_exfiltrate", "toxic_mass_load"):
        stage.expect_toxic(combination, user)


def single_admin(stage: Stage) -> None:
    """Only the owner is an admin of the account settings."""
    for user in stage.account_admins():
        if user.id != stage.company.owner_id:
            stage.company.drop_admin(user.id)
            stage.partial_admin(user)
    stage.expect_company("single_admin")


def too_many_admins(stage: Stage) -> None:
    """The account settings have too many admins."""
    active = sum(user.active for user in stage.company.users.values())
    # Clearly more than allowed, whatever the rounding.
    missing = int(max(4, 0.05 * active)) + 2 - len(stage.account_admins())
    for user in stage.people(missing):
        stage.company.make_admin(user.id)
    stage.expect_company("too_many_admins")


def give_export(stage: Stage, user: User) -> None:
    """Give a user a permission set with a seller's flags and exporting."""
    stage.give_set(user, stage.own_set("Deals - data desk", "sales", *SELLER, "can_export_data_from_lists"))
    stage.unusual(user, "can_export_data_from_lists")


def _lack(stage: Stage, user: User, flag: str) -> None:
    stage.company.revoke(user.id, flag)
    stage.expect("missing_permission", user, flag, dialects=OFFICIAL)


def _without(app: str, flag: str) -> list[str]:
    # one flag less than the app's admin set, otherwise it would be a duplicate
    return [other for other in APP_FLAGS[app] if other != flag]


STORIES: tuple[Variants, ...] = (
    (flagged_as_admin, not_flagged_as_admin),
    (sensitive_flag, harmless_flags),
    (export_by_set,),
    (flag_missing, flag_missing_of_admin),
    (shadow_by_flags, shadow_by_sets),
)
