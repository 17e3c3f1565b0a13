-- One row per version of a user, valid from `valid_from` until before `valid_to`.
-- The last login and other fields that change by themselves start no version; they are in `users`
-- only.
--
-- kind: view
-- key: company, user_id, valid_from
-- columns:
--   company: the company's name in the settings
--   user_id: Pipedrive's id of the user
--   name: the name as received
--   email: the e-mail address as received
--   active: `active_flag` as received; false is deactivated
--   deleted: `is_deleted` as received; NULL if the API does not give it
--   live: active and not deleted; false if deactivated or deleted; NULL means not known
--   admin: whether the user is an admin of any app according to `access`, or if `access` does not
--     say, according to `is_admin`; NULL means not known
--   admin_apps: the apps that the user is admin of according to `access`, sorted; NULL if it was
--     not given
--   is_admin: the older `is_admin` field; NULL if the API does not give it
--   access_known: whether `access` was given, even if empty
--   access: the entries of `access` as received, sorted; NULL if it was not given
--   role_id: the user's own `role_id` as received; the assignments are in `user_roles_history`
--   created: when the user was created; NULL if the user has not accepted the invitation
--   has_created_company: whether this user opened the company's account
--   locale: the format of dates and numbers
--   default_currency: the currency, ISO 4217
--   timezone_name: the time zone, IANA
--   valid_from: when this version was first seen
--   valid_to: when another version, or the end, was first seen; NULL means current
-- example: SELECT name, active, admin, valid_from FROM users_history WHERE valid_to IS NOT
--   NULL ORDER BY valid_from
SELECT
    company,
    user_id,
    name,
    email,
    active,
    deleted,
    active AND deleted IS NOT TRUE AS live,
    CASE
        WHEN list_contains(list_transform(access, lambda entry: entry.admin), TRUE) THEN TRUE
        WHEN access IS NULL THEN is_admin
        -- for an entry without an admin flag, `is_admin` decides
        WHEN len(list_filter(access, lambda entry: entry.admin IS NULL)) > 0 THEN is_admin
        ELSE FALSE
    END AS admin,
    list_sort(
        list_distinct(
            list_transform(
                list_filter(access, lambda entry: entry.admin),
                lambda entry: entry.app
            )
        )
    ) AS admin_apps,
    is_admin,
    access IS NOT NULL AS access_known,
    access,
    role_id,
    created,
    has_created_company,
    locale,
    default_currency,
    timezone_name,
    valid_from,
    valid_to
FROM history.users
