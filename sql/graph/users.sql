-- One row per user now, deactivated and deleted users included.
-- NULL is always "not known", never "no". A user of whom a detail was never answered is told by a
-- NULL in `roles_observed_at` or `permissions_observed_at`.
--
-- kind: table
-- key: company, user_id
-- columns:
--   company: the company's name in the settings
--   user_id: Pipedrive's id of the user
--   name: the name as received
--   email: the e-mail address as received
--   label: name and e-mail address in one, for people to read
--   active: `active_flag` as received; false is deactivated
--   deleted: `is_deleted` as received, NULL where the API does not give it
--   live: active and not deleted; false is deactivated or deleted; NULL is not known
--   admin: admin of any app by `access`; where `access` does not say, `is_admin`; NULL is not known
--   admin_apps: the apps that the user is admin of by `access`, sorted; NULL where it was not given
--   account_admin: admin of the app account_settings; in a company where nobody's access names that
--     app, admin of any; NULL is not known
--   access_known: whether `access` was ever given, be it empty
--   access_given: whether the latest record gave it; where not, sets and admin rights are as last
--     known
--   role_id: the user's own `role_id` as received; the assignments are in `user_roles`
--   last_login: the latest login; NULL for one who never logged in, where login_known
--   login_known: whether Pipedrive says when the latest login was, be it "never"
--   created: when the user was created, NULL for one who has not accepted the invitation
--   first_seen: when the user was first in a snapshot of ours
--   changed_at: when the user's record was first seen as it is, the latest login aside
--   has_created_company: whether this user opened the company's account
--   locale: the format of dates and numbers
--   default_currency: the currency, ISO 4217
--   timezone_name: the time zone, IANA
--   roles_observed_at: when the user's role assignments were last answered, NULL is never
--   permissions_observed_at: when the user's permissions were last answered, NULL is never
--   permissions_source: whether they are observed or inferred; NULL is not known
-- example: SELECT label, last_login FROM users WHERE live AND admin ORDER BY last_login NULLS
--   FIRST
WITH sightings AS (
    SELECT
        company,
        user_id,
        min(valid_from) AS first_seen
    FROM users_history
    GROUP BY company, user_id
),

-- When each user's details were last answered.
answers AS (
    SELECT
        company,
        TRY_CAST(subject_id AS BIGINT) AS user_id,
        max(last_at) FILTER (history_table = 'user_roles') AS roles_observed_at,
        max(last_at) FILTER (history_table = 'user_permissions') AS permissions_observed_at
    FROM history.observations
    WHERE history_table IN ('user_roles', 'user_permissions')
    GROUP BY ALL
),

-- Whether the company's users are given access to the account settings as an app of its own.
companies AS (
    SELECT
        company,
        bool_or(
            list_contains(list_transform(access, lambda entry: entry.app), 'account_settings')
        ) AS has_account_settings
    FROM users_history
    WHERE valid_to IS NULL
    GROUP BY company
)

SELECT
    versions.company,
    versions.user_id,
    versions.name,
    versions.email,
    CASE
        -- those of deleted users are all the same
        WHEN versions.email IS NULL OR NOT contains(versions.email, '@')
            THEN concat_ws(' ', nullif(versions.name, ''), concat('(user ', versions.user_id, ')'))
        WHEN nullif(versions.name, '') IS NULL OR lower(versions.name) = lower(versions.email)
            THEN versions.email
        ELSE concat(versions.name, ' (', versions.email, ')')
    END AS label,
    versions.active,
    versions.deleted,
    versions.live,
    versions.admin,
    versions.admin_apps,
    CASE
        WHEN companies.has_account_settings IS NOT TRUE THEN versions.admin
        WHEN NOT versions.admin THEN FALSE
        WHEN versions.admin AND versions.access_known
            THEN list_contains(versions.admin_apps, 'account_settings')
    END AS account_admin,
    versions.access_known,
    latest.access_given,
    versions.role_id,
    latest.last_login,
    latest.login_known,
    versions.created,
    sightings.first_seen,
    versions.valid_from AS changed_at,
    versions.has_created_company,
    versions.locale,
    versions.default_currency,
    versions.timezone_name,
    answers.roles_observed_at,
    answers.permissions_observed_at,
    sources.source AS permissions_source
FROM users_history AS versions
INNER JOIN sightings USING (company, user_id)
INNER JOIN companies USING (company)
LEFT JOIN history.users_latest AS latest USING (company, user_id)
LEFT JOIN answers USING (company, user_id)
LEFT JOIN permission_sources AS sources USING (company, user_id)
WHERE versions.valid_to IS NULL
