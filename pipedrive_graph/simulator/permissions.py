"""The permission flags, and the permission sets of a new company.

A flag belongs to one or more apps, whose admin sets contain it. The admin sets together contain every flag.
The other sets are typical for departments of a company.
"""

from __future__ import annotations

from dataclasses import dataclass

APP_FLAGS: dict[str, tuple[str, ...]] = {
    "sales": (
        "can_add_deals",
        "can_add_leads",
        "can_add_organizations",
        "can_add_people",
        "can_add_products",
        "can_add_prospects_as_leads",
        "can_bulk_edit_items",
        "can_change_visibility_of_items",
        "can_convert_deals_to_leads",
        "can_delete_activities",
        "can_delete_deals",
        "can_edit_deals_closed_date",
        "can_edit_other_users_deals",
        "can_edit_other_users_products",
        "can_edit_products",
        "can_edit_shared_filters",
        "can_export_data_from_lists",
        "can_merge_deals",
        "can_merge_organizations",
        "can_merge_people",
        "can_see_deals_list_summary",
        "can_see_hidden_items_names",
        "can_share_filters",
        "can_use_email_tracking",
        "can_use_import",
    ),
    "global": (
        "can_follow_other_users",
        "can_modify_labels",
        "can_see_company_wide_statistics",
        "can_see_other_users",
        "can_see_other_users_statistics",
        "can_share_insights",
        "can_use_api",
    ),
    "account_settings": (
        "can_add_custom_fields",
        "can_create_own_workflow",
        "can_delete_custom_fields",
        "can_edit_custom_fields",
        "can_see_security_dashboard",
    ),
    "projects": ("can_share_insights", "can_share_filters"),
    "campaigns": ("can_use_email_tracking", "can_modify_labels"),
}
"""The flags of each app's admin set: 31 that the vendor documents, and six undocumented ones."""

FLAGS: tuple[str, ...] = tuple(sorted({flag for flags in APP_FLAGS.values() for flag in flags}))
"""Every flag in a response of `users/{id}/permissions`, true or false."""

SENSITIVE: tuple[str, ...] = (
    "can_bulk_edit_items",
    "can_change_visibility_of_items",
    "can_delete_deals",
    "can_export_data_from_lists",
    "can_merge_deals",
    "can_merge_organizations",
    "can_merge_people",
    "can_see_hidden_items_names",
    "can_see_security_dashboard",
    "can_use_api",
    "can_use_import",
)
"""The flags that the rules treat as sensitive."""

SELLER: tuple[str, ...] = (
    "can_add_deals",
    "can_add_leads",
    "can_add_organizations",
    "can_add_people",
    "can_see_deals_list_summary",
    "can_share_filters",
    "can_use_email_tracking",
)
"""The flags of everybody in sales; none is sensitive."""


@dataclass(frozen=True, slots=True)
class SetTemplate:
    """A permission set without an id: `kind` is Pipedrive's type (admin, manager, regular, custom)."""

    key: str
    name: str
    app: str
    kind: str
    contents: tuple[str, ...]


SET_TEMPLATES: tuple[SetTemplate, ...] = (
    SetTemplate("sales.admin", "Deals admin", "sales", "admin", APP_FLAGS["sales"]),
    SetTemplate(
        "sales.manager",
        "Deals manager",
        "sales",
        "manager",
        (
            *SELLER,
            "can_add_prospects_as_leads",
            "can_bulk_edit_items",
            "can_change_visibility_of_items",
            "can_convert_deals_to_leads",
            "can_delete_activities",
            "can_edit_other_users_deals",
            "can_edit_shared_filters",
            "can_merge_deals",
            "can_merge_organizations",
            "can_merge_people",
        ),
    ),
    SetTemplate("sales.regular", "Deals regular user", "sales", "regular", SELLER),
    SetTemplate(
        "sales.inside",
        "Deals - inside sales",
        "sales",
        "custom",
        (*SELLER, "can_add_prospects_as_leads", "can_convert_deals_to_leads", "can_use_import"),
    ),
    SetTemplate(
        "sales.finance",
        "Deals - finance",
        "sales",
        "custom",
        ("can_add_products", "can_edit_products", "can_see_deals_list_summary"),
    ),
    SetTemplate(
        "sales.reading",
        "Deals - read only",
        "sales",
        "custom",
        ("can_see_deals_list_summary", "can_share_filters"),
    ),
    SetTemplate("global.admin", "Global admin", "global", "admin", APP_FLAGS["global"]),
    SetTemplate(
        "global.regular",
        "Global regular user",
        "global",
        "regular",
        ("can_follow_other_users", "can_see_other_users"),
    ),
    SetTemplate(
        "global.manager",
        "Global manager",
        "global",
        "manager",
        (
            "can_follow_other_users",
            "can_modify_labels",
            "can_see_other_users",
            "can_see_other_users_statistics",
            "can_share_insights",
        ),
    ),
    SetTemplate(
        "global.technical",
        "Global - integrations",
        "global",
        "custom",
        ("can_see_other_users", "can_use_api"),
    ),
    SetTemplate(
        "account_settings.admin",
        "Account settings",
        "account_settings",
        "admin",
        APP_FLAGS["account_settings"],
    ),
    SetTemplate("projects.admin", "Projects admin", "projects", "admin", APP_FLAGS["projects"]),
    SetTemplate("projects.regular", "Projects regular user", "projects", "regular", ("can_share_filters",)),
    SetTemplate("campaigns.admin", "Campaigns admin", "campaigns", "admin", APP_FLAGS["campaigns"]),
    SetTemplate(
        "campaigns.regular",
        "Campaigns regular user",
        "campaigns",
        "regular",
        ("can_use_email_tracking",),
    ),
)
