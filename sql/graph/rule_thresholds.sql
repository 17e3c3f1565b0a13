-- One row per company: the numbers at which the rules in sql/findings fire.
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
--   single_admin_count: fewer admins than this are too few
--   single_admin_users_count: but not in a company of no more active users than this
--   too_many_admins_count: more admins than this are too many
--   too_many_admins_share: unless they are no more than this share of the active users
SELECT
    company,
    90 AS dormant_admin_days,
    30 AS dormant_admin_never_days,
    90 AS dormant_user_days,
    14 AS never_logged_in_days,
    2 AS single_admin_count,
    2 AS single_admin_users_count,
    4 AS too_many_admins_count,
    -- a decimal, so that 5 % of 140 users are 7 and no hair more
    CAST(0.05 AS DECIMAL(5, 4)) AS too_many_admins_share
FROM current_snapshot
