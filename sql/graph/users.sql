-- One row per user now, including deactivated and deleted users.
-- NULL always means "not known", never "no". NULL in `roles_observed_at` or
-- `permissions_observed_at` means that this detail of the user was never answered.
--
-- kind: table
-- key: company, user_id
-- columns:
--   company: the company's name in the settings
--   user_id: Pipedrive's id of the user
--   name: the name as received
--   email: the e-mail address as received
--   label: name and e-mail address in one text, for display
--   active: `active_flag` as received; false is deactivated
--   deleted: `is_deleted` as received; NULL if the API does not give it
--   live: active and not deleted; false if deactivated or deleted; NULL means not known
--   admin: whether the user is an admin of any app according to `access`, or if `access` does not
--     say, according to `is_admin`; NULL means not known
--   admin_apps: the apps that the user is admin of according to `access`, sorted; NULL if `access`
--     was never given
--   account_admin: admin of the app account_settings; in a company where no user's access names
--     that app, admin of any app; NULL means not known
--   access_known: whether `access` was ever given, even if empty
--   access_given: whether the latest record gave `access`; if not, sets and admin rights are as
--     last known
--   role_id: the user's own `role_id` as received; the assignments are in `user_roles`
--   last_login: the latest login; NULL if the user never logged in, provided that login_known is
--     true
--   login_known: whether Pipedrive gives the time of the latest login, including "never"
--   created: when the user was created; NULL if the user has not accepted the invitation
--   first_seen: the first snapshot with the user
--   changed_at: when the user's record last changed, apart from the latest login
--   has_created_company: whether this user opened the company's account
--   locale: the format of dates and numbers
--   default_currency: the currency, ISO 4217
--   timezone_name: the time zone, IANA
--   roles_observed_at: when the user's role assignments were last answered; NULL means never
--   permissions_observed_at: when the user's permissions were last answered; NULL means never
--   permissions_source: whether they are observed or inferred; NULL means not known
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

-- When the details of each user were last answered.
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

-- Whether account settings are a separate app in the company's `access` entries.
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
        -- the names of deleted users may all be the same, so the label has the id
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
