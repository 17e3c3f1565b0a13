-- One row per profile of a company: the permissions of users and their reasons, which many users
-- share.
--
-- kind: macro
-- parameters:
--   of_company: the company's name in the settings
-- columns:
--   profile: each permission as a list of its name, whether it is granted, and the reason
--   user_ids: the users with this profile
WITH profiles AS (
    SELECT
        user_id,
        list([permission, CAST(granted AS VARCHAR), explanation] ORDER BY permission) AS profile
    FROM explained_permissions(of_company)
    GROUP BY user_id
)

SELECT
    profile,
    list(user_id) AS user_ids
FROM profiles
GROUP BY profile
