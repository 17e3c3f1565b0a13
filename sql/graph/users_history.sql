-- One row per version of a user: what was true from `valid_from` until before `valid_to`.
-- Last login and other fields that change by themselves make no version; they are in `users` only.
--
-- kind: view
-- key: company, user_id, valid_from
-- columns:
--   company: the company's name in the settings
--   user_id: Pipedrive's id of the user
--   name: the name as received
--   email: the e-mail address as received
--   active: `active_flag` as received; false is deactivated
--   deleted: `is_deleted` as received, NULL where the API does not give it
--   live: active and not deleted; false is deactivated or deleted; NULL is not known
--   admin: admin of any app by `access`; where `access` does not say, `is_admin`; NULL is not known
--   admin_apps: the apps that the user is admin of by `access`, sorted; NULL where it was not given
--   is_admin: the older `is_admin` field, NULL where the API does not give it
--   access_known: whether `access` was given, be it empty
--   access: the entries of `access` as received, sorted; NULL where it was not given
--   role_id: the user's own `role_id` as received; the assignments are in `user_roles_history`
--   created: when the user was created, NULL for one who has not accepted the invitation
--   has_created_company: whether this user opened the company's account
--   locale: the format of dates and numbers
--   default_currency: the currency, ISO 4217
--   timezone_name: the time zone, IANA
--   valid_from: from when on we saw it so
--   valid_to: when it was first seen otherwise or gone; NULL is still so
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
        -- an entry that does not say whether it is an admin's leaves the question to `is_admin`
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
