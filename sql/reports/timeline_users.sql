-- One row per user of a company shown on the timeline: admins, and users who do not sign in.
--
-- kind: macro
-- parameters:
--   of_company: the company's name in the settings
-- columns:
--   user_id: the user
--   label: the user's name, as in `users`
--   kinds: why the user is shown: admin, or admin, deactivated; dormant, or never logged in
--   live: active and not deleted; NULL means not known
--   created: when the user was created
--   last_login: when the user last signed in
--   login_known: whether that is known
WITH dormant AS (
    SELECT
        subject_id,
        bool_or(rule = 'never_logged_in') AS never
    FROM findings
    WHERE company = of_company
        AND subject_kind = 'user'
        AND status <> 'resolved'
        AND rule IN ('dormant_admin', 'dormant_user', 'never_logged_in')
    GROUP BY subject_id
)

SELECT
    users.user_id,
    users.label,
    list_filter(
        [
            CASE
                WHEN users.admin AND users.live IS FALSE THEN 'admin, deactivated'
                WHEN users.admin THEN 'admin'
            END,
            CASE
                WHEN dormant.never THEN 'never logged in'
                WHEN dormant.never IS FALSE THEN 'dormant'
            END
        ],
        lambda entry: entry IS NOT NULL
    ) AS kinds,
    users.live,
    users.created,
    users.last_login,
    users.login_known
FROM users
LEFT JOIN dormant ON dormant.subject_id = CAST(users.user_id AS VARCHAR)
WHERE users.company = of_company
    AND (users.admin OR dormant.subject_id IS NOT NULL)
