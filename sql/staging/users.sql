-- One row per user in the snapshot's answers, with typed columns.
-- A missing or unreadable value keeps the last known one; NULL if it was never known. The same
-- applies to access lists that become empty for all users at once, and to a last login that is no
-- longer sent.
--
-- key: company, user_id
-- columns:
--   company: the company's name in the settings
--   user_id: Pipedrive's id of the user
--   name: name; for an invited user, the e-mail address
--   email: e-mail address as received
--   active: active_flag; false for a deactivated user
--   deleted: is_deleted
--   is_admin: the older flag is_admin; NULL if Pipedrive does not send it
--   role_id: the role in the list of users
--   access: entries (app, admin, permission_set_id), sorted; NULL if Pipedrive gives none
--   created: when the account was created
--   has_created_company: whether the user opened the company's account
--   locale: format of dates and numbers
--   default_currency: ISO 4217 code
--   timezone_name: IANA name of the time zone
--   last_login: last login; NULL means never, provided that login_known is true
--   access_given: whether access is present and readable; if not, it is as last known
--   login_known: whether last_login is present and readable, including "never"
--   modified: last modification; every login is one
--   phone: telephone number; Pipedrive shows only that of the token's owner
--   timezone_offset: offset from UTC, which changes with daylight saving time
--   icon_url: address of the portrait
WITH records AS (
    SELECT
        company,
        user_id,
        fields,
        kinds,
        as_time(fields.last_login) AS last_login
    FROM staging.user_records
),

logins AS (
    SELECT
        *,
        CASE
            -- null, an empty text and a zero date all mean "never"
            WHEN kinds.last_login IS NULL THEN FALSE
            WHEN coalesce(trim(fields.last_login), '') = '' THEN TRUE
            WHEN starts_with(trim(fields.last_login), '0000-00-00') THEN TRUE
            ELSE last_login IS NOT NULL
        END AS login_known
    FROM records
),

-- Companies in which all access lists are empty, although some were not before. That cannot be
-- true: the token's owner has at least one app.
emptied_companies AS (
    SELECT company
    FROM staging.user_records AS records
    INNER JOIN staging.access_lists AS lists
        ON records.kinds.access = 'ARRAY' AND lists.received = records.fields.access
    SEMI JOIN (
        SELECT company
        FROM history.users
        WHERE valid_to IS NULL AND len(access) > 0
    ) AS last USING (company)
    GROUP BY company
    HAVING bool_and(len(lists.access) = 0)
)

SELECT
    records.company,
    records.user_id,
    or_last(kinds.name, as_text(kinds.name, fields.name), last.name) AS name,
    or_last(kinds.email, as_text(kinds.email, fields.email), last.email) AS email,
    coalesce(as_flag(fields.active_flag), last.active) AS active,
    coalesce(as_flag(fields.is_deleted), last.deleted) AS deleted,
    coalesce(as_flag(fields.is_admin), last.is_admin) AS is_admin,
    or_last(kinds.role_id, as_id(fields.role_id), last.role_id) AS role_id,
    CASE
        WHEN lists.readable IS NOT TRUE OR emptied.company IS NOT NULL THEN last.access
        WHEN list_bool_and(list_transform(lists.access, lambda entry: entry.admin IS NOT NULL))
            IS NOT FALSE THEN lists.access
        -- an entry without an admin flag keeps the last known one
        ELSE list_sort(
            list_distinct(
                list_transform(
                    lists.access,
                    lambda entry: {
                        'app': entry.app,
                        'admin': coalesce(
                            entry.admin,
                            list_filter(
                                last.access, lambda known: known.app IS NOT DISTINCT FROM entry.app
                            )[1].admin
                        ),
                        'permission_set_id': entry.permission_set_id
                    }
                )
            )
        )
    END AS access,
    lists.readable IS TRUE AND emptied.company IS NULL AS access_given,
    -- a known creation date stays, whatever the snapshot says
    coalesce(as_time(fields.created), last.created) AS created,
    coalesce(as_flag(fields.has_created_company), last.has_created_company) AS has_created_company,
    or_last(kinds.locale, as_text(kinds.locale, fields.locale), last.locale) AS locale,
    or_last(
        kinds.default_currency,
        as_text(kinds.default_currency, fields.default_currency),
        last.default_currency
    ) AS default_currency,
    or_last(
        kinds.timezone_name, as_text(kinds.timezone_name, fields.timezone_name), last.timezone_name
    ) AS timezone_name,
    -- a known login stays known, whatever the snapshot says
    coalesce(records.last_login, latest.last_login) AS last_login,
    records.login_known OR latest.login_known IS TRUE AS login_known,
    as_time(fields.modified) AS modified,
    as_text(kinds.phone, fields.phone) AS phone,
    as_text(kinds.timezone_offset, fields.timezone_offset) AS timezone_offset,
    as_text(kinds.icon_url, fields.icon_url) AS icon_url
FROM logins AS records
LEFT JOIN staging.access_lists AS lists
    ON records.kinds.access = 'ARRAY' AND lists.received = records.fields.access
LEFT JOIN emptied_companies AS emptied USING (company)
LEFT JOIN history.users AS last
    ON
        last.company = records.company
        AND last.user_id = records.user_id
        AND last.valid_to IS NULL
LEFT JOIN history.users_latest AS latest
    ON latest.company = records.company AND latest.user_id = records.user_id
