"""Stories about toxic combinations of flags: without a permission set, across sets, or in one set.

"By exception" means that no permission set of the user grants the flag.
"""

from __future__ import annotations

from pipedrive_graph.simulator.anomalies.privilege import give_export
from pipedrive_graph.simulator.anomalies.stage import Stage, Variants
from pipedrive_graph.simulator.permissions import SELLER


def exfiltrate_by_exception(stage: Stage) -> None:
    """Export and API, both by exception."""
    user = stage.person(holding="can_see_other_users")
    stage.deviate(user, "can_export_data_from_lists", "can_use_api")
    stage.expect_toxic("toxic_exfiltrate", user)


def exfiltrate_across_sets(stage: Stage) -> None:
    """Export by one set, API by another."""
    user = stage.person()
    give_export(stage, user)
    technical = next(entry for entry in stage.company.sets.values() if entry.name == "Global - integrations")
    stage.give_set(user, technical)
    stage.unusual(user, "can_use_api")
    stage.expect_toxic("toxic_exfiltrate", user)


def destroy_by_exception(stage: Stage) -> None:
    """Deleting deals and activities, and a third flag, by exception."""
    user = stage.person()
    last = stage.rng.choice(
        ("can_bulk_edit_items", "can_merge_deals", "can_merge_people", "can_merge_organizations")
    )
    stage.deviate(user, "can_delete_deals", "can_delete_activities", last)
    stage.expect_toxic("toxic_destroy_and_cover", user)


def destroy_in_one_set(stage: Stage) -> None:
    """One set grants deleting and merging; one user has it."""
    user = stage.person()
    flags = ("can_delete_deals", "can_delete_activities", "can_merge_people")
    entry = stage.own_set("Deals - clean-up", "sales", *SELLER, *flags)
    stage.give_set(user, entry)
    stage.unusual(user, *flags)
    stage.expect_toxic("toxic_destroy_and_cover", entry)


def forecast_by_exception(stage: Stage) -> None:
    """Closing dates and deleting activities, both by exception."""
    user = stage.person()
    stage.deviate(user, "can_edit_deals_closed_date", "can_delete_activities")
    stage.expect_toxic("toxic_forecast_fraud", user)


def forecast_by_set_and_exception(stage: Stage) -> None:
    """Closing dates by a set, products by exception."""
    user = stage.person()
    entry = stage.own_set("Deals - closing", "sales", *SELLER, "can_edit_deals_closed_date")
    stage.give_set(user, entry)
    stage.unusual(user, "can_edit_deals_closed_date")
    stage.deviate(user, "can_edit_products")
    stage.expect_toxic("toxic_forecast_fraud", user)


def forecast_in_a_set_of_nobody(stage: Stage) -> None:
    """One set grants closing dates and products; nobody has it."""
    entry = stage.own_set(
        "Deals - forecast desk", "sales", *SELLER, "can_edit_deals_closed_date", "can_edit_products"
    )
    stage.expect_toxic("toxic_forecast_fraud", entry)


def reveal_by_exception(stage: Stage) -> None:
    """Seeing or changing hidden items, and export, both by exception."""
    user = stage.person()
    shown = stage.rng.choice(("can_see_hidden_items_names", "can_change_visibility_of_items"))
    stage.deviate(user, shown, "can_export_data_from_lists")
    stage.expect_toxic("toxic_reveal_and_take", user)


def reveal_in_one_set(stage: Stage) -> None:
    """One set grants changing visibility and export; two users have it."""
    users = stage.people(2)
    flags = ("can_change_visibility_of_items", "can_export_data_from_lists")
    entry = stage.own_set("Deals - visibility desk", "sales", *SELLER, *flags)
    for user in users:
        stage.give_set(user, entry)
        stage.unusual(user, *flags)
    stage.expect_toxic("toxic_reveal_and_take", entry)


def load_by_exception(stage: Stage) -> None:
    """Import, bulk edit and workflows, all by exception."""
    user = stage.person()
    stage.deviate(user, "can_use_import", "can_bulk_edit_items", "can_create_own_workflow")
    stage.expect_toxic("toxic_mass_load", user)


def load_across_sets(stage: Stage) -> None:
    """Import and bulk edit by one set, workflows by another."""
    user = stage.person()
    flags = ("can_use_import", "can_bulk_edit_items")
    stage.give_set(user, stage.own_set("Deals - loading", "sales", *SELLER, *flags))
    stage.give_set(user, stage.own_set("Account - workflows", "account_settings", "can_create_own_workflow"))
    stage.unusual(user, *flags, "can_create_own_workflow")
    stage.expect_toxic("toxic_mass_load", user)


STORIES: tuple[Variants, ...] = (
    (exfiltrate_by_exception, exfiltrate_across_sets),
    (destroy_by_exception, destroy_in_one_set),
    (forecast_by_exception, forecast_by_set_and_exception, forecast_in_a_set_of_nobody),
    (reveal_by_exception, reveal_in_one_set),
    (load_by_exception, load_across_sets),
)
