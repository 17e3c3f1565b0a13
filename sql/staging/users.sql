-- One row per user in tonight's answers, typed.
-- A value that is missing, or that cannot be read, stays as last known; never known, it is NULL.
--
-- key: company, user_id
-- columns:
--   company: the company's name in the settings
--   user_id: Pipedrive's id of the user
--   name: name; of an invited user, the e-mail address
--   email: e-mail address as received
--   active: active_flag; false for a deactivated user
--   deleted: is_deleted
--   is_admin: the legacy flag is_admin; NULL where Pipedrive no longer sends it
--   role_id: role as the list of users names it
--   access: entries (app, admin, permission_set_id), sorted; NULL where Pipedrive gives none
--   created: when the account was created
--   has_created_company: whether the user opened the Pipedrive company
--   locale: format of dates and numbers
--   default_currency: ISO 4217 code
--   timezone_name: IANA name of the time zone
--   last_login: last login; NULL for never, where login_known
--   login_known: whether last_login is there and can be read, be it as "never"
--   modified: last modification, which every login is, too
--   phone: telephone number; Pipedrive shows only the token owner's own
--   timezone_offset: offset from UTC, which moves with daylight saving
--   icon_url: address of the portrait
WITH entries AS (
    SELECT
        company,
        user_id,
        unnest(CAST(record -> '$.access' AS JSON[])) AS entry
    FROM staging.user_records
    WHERE is_access(record -> '$.access')
),

access AS (
    SELECT
        company,
        user_id,
        list_sort(
            list(
                DISTINCT {
                    'app': entry ->> '$.app',
                    'admin': as_flag(entry ->> '$.admin'),
                    'permission_set_id': entry ->> '$.permission_set_id'
                }
            )
        ) AS access
    FROM entries
    GROUP BY company, user_id
),

logins AS (
    SELECT
        company,
        user_id,
        as_time(record ->> '$.last_login') AS last_login,
        CASE
            -- null, an empty text and a zero date all say "never"
            WHEN json_type(record, '$.last_login') IS NULL THEN FALSE
            WHEN coalesce(trim(record ->> '$.last_login'), '') = '' THEN TRUE
            WHEN starts_with(trim(record ->> '$.last_login'), '0000-00-00') THEN TRUE
            ELSE as_time(record ->> '$.last_login') IS NOT NULL
        END AS login_known
    FROM staging.user_records
)

SELECT
    records.company,
    records.user_id,
    or_last(json_type(record, '$.name'), as_text(record -> '$.name'), last.name) AS name,
    or_last(json_type(record, '$.email'), as_text(record -> '$.email'), last.email) AS email,
    coalesce(as_flag(record ->> '$.active_flag'), last.active) AS active,
    coalesce(as_flag(record ->> '$.is_deleted'), last.deleted) AS deleted,
    coalesce(as_flag(record ->> '$.is_admin'), last.is_admin) AS is_admin,
    or_last(
        json_type(record, '$.role_id'), as_id(record ->> '$.role_id'), last.role_id
    ) AS role_id,
    CASE
        WHEN is_access(record -> '$.access') THEN coalesce(access.access, [])
        ELSE last.access
    END AS access,
    -- a user who was created once stays so, whatever tonight says
    coalesce(as_time(record ->> '$.created'), last.created) AS created,
    coalesce(
        as_flag(record ->> '$.has_created_company'), last.has_created_company
    ) AS has_created_company,
    or_last(json_type(record, '$.locale'), as_text(record -> '$.locale'), last.locale) AS locale,
    or_last(
        json_type(record, '$.default_currency'),
        as_text(record -> '$.default_currency'),
        last.default_currency
    ) AS default_currency,
    or_last(
        json_type(record, '$.timezone_name'), as_text(record -> '$.timezone_name'), last.timezone_name
    ) AS timezone_name,
    CASE
        WHEN login.login_known THEN login.last_login
        ELSE latest.last_login
    END AS last_login,
    login.login_known OR latest.login_known IS TRUE AS login_known,
    as_time(record ->> '$.modified') AS modified,
    record ->> '$.phone' AS phone,
    record ->> '$.timezone_offset' AS timezone_offset,
    record ->> '$.icon_url' AS icon_url
FROM staging.user_records AS records
INNER JOIN logins AS login USING (company, user_id)
LEFT JOIN access USING (company, user_id)
LEFT JOIN history.users AS last
    ON
        last.company = records.company
        AND last.user_id = records.user_id
        AND last.valid_to IS NULL
LEFT JOIN history.users_latest AS latest
    ON latest.company = records.company AND latest.user_id = records.user_id
