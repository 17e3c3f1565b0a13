-- One row per company: the numbers at which the rules in sql/findings fire.
-- They are those of sql/findings.toml, or what the installation's own findings.toml says instead.
-- Days are counted to `current_snapshot.as_of`.
--
-- kind: table
-- key: company
-- columns:
--   company: the company's name in the settings
--   dormant_admin_days: an admin whose last login is longer ago is dormant
--   dormant_admin_never_days: so is an admin who never logged in, when the account is older
--   dormant_user_days: a user whose last login is longer ago is dormant
--   never_logged_in_days: a user who never logged in is found when the account is older
--   email_domain_users_count: where findings.toml names no domain, one is proposed as the company's
--     own with at least so many live users
--   email_domain_users_share: and where they are at least this share of all live users
--   empty_role_days: a role is found empty after so many days
--   single_admin_count: fewer admins than this are too few
--   single_admin_users_count: but not in a company of no more active users than this
--   too_many_admins_count: more admins than this are too many
--   too_many_admins_share: unless they are no more than this share of the active users
--   shadow_admin_sensitive_count: what all admins hold counts with so many sensitive ones
--   sensitive_role_members_count: a role of fewer active members tells nothing of its permissions
--   sensitive_holders_share: a sensitive permission is usual where no fewer of a role hold it
--   outlier_score: what a user's peers do not hold is found from this score on
--   event_open_days: an event that nobody acknowledges stays open so long
--   new_user_admin_days: an admin so soon after the account's creation is found
--   creep_days: permissions are counted against those held so long ago
--   creep_growth_share: and found where they have grown by more than this share
--   creep_holders_share: a permission kept from an old role is unusual where fewer hold it
--   mass_change_share: more than this share of all grants changed in one night is a mass change
--   mass_change_count: where they are at least so many
--   vendor_change_users_count: what fewer users see alike is not a change by Pipedrive itself
--   permission_gone_snapshots_count: a permission that no answer names in so many full snapshots in
--     a row does not exist any more
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
