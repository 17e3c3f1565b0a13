-- One row per user in tonight's answers, typed.
-- A value that is missing, or that cannot be read, stays as last known; never known, it is NULL. So
-- do access lists that are empty for everybody at once, and a last login that is not sent any more.
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
--   access_given: whether access is there and can be read; where it is not, it is as last known
--   login_known: whether last_login is there and can be read, be it as "never"
--   modified: last modification, which every login is, too
--   phone: telephone number; Pipedrive shows only the token owner's own
--   timezone_offset: offset from UTC, which moves with daylight saving
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
            -- null, an empty text and a zero date all say "never"
            WHEN kinds.last_login IS NULL THEN FALSE
            WHEN coalesce(trim(fields.last_login), '') = '' THEN TRUE
            WHEN starts_with(trim(fields.last_login), '0000-00-00') THEN TRUE
            ELSE last_login IS NOT NULL
        END AS login_known
    FROM records
),

-- Companies of which no list of access entries holds any, while some did before: the owner of the
-- token has an app at least.
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
        -- an entry that does not say whether the user is admin: as last known
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
    -- a user who was created once stays so, whatever tonight says
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
    -- who has logged in once has logged in, whatever the snapshot says
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
