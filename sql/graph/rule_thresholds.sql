-- One row per company: the thresholds of the rules in sql/findings.
-- The values are those of sql/findings.toml, unless the installation's findings.toml replaces them.
-- Days are counted back from `current_snapshot.as_of`.
--
-- kind: table
-- key: company
-- columns:
--   company: the company's name in the settings
--   dormant_admin_days: an admin whose last login is longer ago is dormant
--   dormant_admin_never_days: an admin who never logged in is dormant if the account is older
--   dormant_user_days: a user whose last login is longer ago is dormant
--   never_logged_in_days: a user who never logged in is reported if the account is older
--   email_domain_users_count: if findings.toml names no domain, a domain with at least so many live
--     users is proposed as the company's own
--   email_domain_users_share: and only if they are at least this share of all live users
--   empty_role_days: a role is reported as empty after so many days
--   single_admin_count: fewer admins than this are too few
--   single_admin_users_count: but not in a company with at most so many active users
--   too_many_admins_count: more admins than this are too many
--   too_many_admins_share: unless they are at most this share of the active users
--   shadow_admin_sensitive_count: permissions that all admins hold count if at least so many are
--     sensitive
--   sensitive_role_members_count: in roles with fewer active members, no permission counts as usual
--     or unusual
--   sensitive_holders_share: a sensitive permission is usual in a role if at least this share holds
--     it
--   outlier_score: a permission is reported as an outlier from this score on
--   broad_visibility_share: a user sees nearly everything from this share of the users on, whose
--     deals the user sees
--   broad_visibility_users_share: if a smaller share of the active users does
--   broad_visibility_roles_count: and if at least so many roles have active members
--   broad_export_share: a user who may export lists and sees the deals of at least this share of
--     the users is reported
--   visibility_everyone_roles_count: a role that shares with everyone is reported if at least so
--     many other roles do not
--   pipeline_exposed_share: a pipeline counts as hidden from most roles from this share on
--   event_open_days: an event that nobody acknowledges is closed after so many days
--   new_user_admin_days: a user who becomes an admin within so many days of creation is reported
--   creep_days: current permissions are compared with those held so many days ago
--   creep_growth_share: and reported if they have grown by more than this share
--   creep_holders_share: a permission kept from an old role is unusual if a smaller share holds it
--   mass_change_share: it is a mass change if more than this share of all grants changed in one
--     snapshot
--   mass_change_count: and if at least so many changed
--   vendor_change_users_count: a change counts as made by Pipedrive itself only from so many users
--     on
--   permission_gone_snapshots_count: a permission no longer exists if no answer names it in so many
--     full snapshots in a row
-- example: SELECT dormant_admin_days, dormant_user_days FROM rule_thresholds
SELECT
    company,
    CAST(any_value(value) FILTER (name = 'dormant_admin_days') AS INTEGER) AS dormant_admin_days,
    CAST(
        any_value(value) FILTER (name = 'dormant_admin_never_days') AS INTEGER
    ) AS dormant_admin_never_days,
    CAST(any_value(value) FILTER (name = 'dormant_user_days') AS INTEGER) AS dormant_user_days,
    CAST(
        any_value(value) FILTER (name = 'never_logged_in_days') AS INTEGER
    ) AS never_logged_in_days,
    CAST(
        any_value(value) FILTER (name = 'email_domain_users_count') AS INTEGER
    ) AS email_domain_users_count,
    any_value(value) FILTER (name = 'email_domain_users_share') AS email_domain_users_share,
    CAST(any_value(value) FILTER (name = 'empty_role_days') AS INTEGER) AS empty_role_days,
    CAST(any_value(value) FILTER (name = 'single_admin_count') AS INTEGER) AS single_admin_count,
    CAST(
        any_value(value) FILTER (name = 'single_admin_users_count') AS INTEGER
    ) AS single_admin_users_count,
    CAST(
        any_value(value) FILTER (name = 'too_many_admins_count') AS INTEGER
    ) AS too_many_admins_count,
    any_value(value) FILTER (name = 'too_many_admins_share') AS too_many_admins_share,
    CAST(
        any_value(value) FILTER (name = 'shadow_admin_sensitive_count') AS INTEGER
    ) AS shadow_admin_sensitive_count,
    CAST(
        any_value(value) FILTER (name = 'sensitive_role_members_count') AS INTEGER
    ) AS sensitive_role_members_count,
    any_value(value) FILTER (name = 'sensitive_holders_share') AS sensitive_holders_share,
    any_value(value) FILTER (name = 'outlier_score') AS outlier_score,
    any_value(value) FILTER (name = 'broad_visibility_share') AS broad_visibility_share,
    any_value(value) FILTER (name = 'broad_visibility_users_share') AS broad_visibility_users_share,
    CAST(
        any_value(value) FILTER (name = 'broad_visibility_roles_count') AS INTEGER
    ) AS broad_visibility_roles_count,
    any_value(value) FILTER (name = 'broad_export_share') AS broad_export_share,
    CAST(
        any_value(value) FILTER (name = 'visibility_everyone_roles_count') AS INTEGER
    ) AS visibility_everyone_roles_count,
    any_value(value) FILTER (name = 'pipeline_exposed_share') AS pipeline_exposed_share,
    CAST(any_value(value) FILTER (name = 'event_open_days') AS INTEGER) AS event_open_days,
    CAST(any_value(value) FILTER (name = 'new_user_admin_days') AS INTEGER) AS new_user_admin_days,
    CAST(any_value(value) FILTER (name = 'creep_days') AS INTEGER) AS creep_days,
    any_value(value) FILTER (name = 'creep_growth_share') AS creep_growth_share,
    any_value(value) FILTER (name = 'creep_holders_share') AS creep_holders_share,
    any_value(value) FILTER (name = 'mass_change_share') AS mass_change_share,
    CAST(any_value(value) FILTER (name = 'mass_change_count') AS INTEGER) AS mass_change_count,
    CAST(
        any_value(value) FILTER (name = 'vendor_change_users_count') AS INTEGER
    ) AS vendor_change_users_count,
    CAST(
        any_value(value) FILTER (name = 'permission_gone_snapshots_count') AS INTEGER
    ) AS permission_gone_snapshots_count
FROM policy.thresholds
GROUP BY company
