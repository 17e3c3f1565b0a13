-- One row per company: how many users, roles, sets and grants it has, and how their permissions are
-- known.
--
-- kind: macro
-- parameters:
--   of_company: the company's name in the settings
--   shown_at: the time of the snapshot that is shown
-- columns:
--   users: all users
--   live: users who are active and not deleted
--   admins: live users who are admins
--   sensitive: live users who hold a sensitive permission
--   roles: all roles
--   sets: all permission sets
--   grants: permissions that users hold
--   answered: users whose permissions were answered in this snapshot
--   earlier: users whose permissions were last answered in an earlier snapshot
--   inferred: users whose permissions are inferred from users with the same access
--   unknown: users whose permissions are not known
WITH holders AS (
    SELECT DISTINCT user_id
    FROM user_permissions
    SEMI JOIN sensitive_permissions USING (company, permission)
    WHERE company = of_company
        AND granted
)

SELECT
    count(*) AS users,
    count(*) FILTER (live) AS live,
    count(*) FILTER (live AND admin) AS admins,
    count(*) FILTER (live AND user_id IN (SELECT holders.user_id FROM holders)) AS sensitive,
    (SELECT count(*) FROM roles WHERE company = of_company) AS roles,
    (SELECT count(*) FROM permission_sets WHERE company = of_company) AS sets,
    (SELECT count(*) FROM user_permissions WHERE company = of_company AND granted) AS grants,
    count(*) FILTER (permissions_source = 'observed' AND permissions_observed_at >= shown_at)
        AS answered,
    count(*) FILTER (permissions_source = 'observed' AND permissions_observed_at < shown_at)
        AS earlier,
    count(*) FILTER (permissions_source = 'inferred') AS inferred,
    count(*) FILTER (permissions_source IS NULL) AS unknown
FROM users
WHERE company = of_company
