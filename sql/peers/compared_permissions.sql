-- One row per permission that an observed user holds or may hold, with a number from 0.
--
-- key: permission
-- columns:
--   permission: the permission's name
--   code: its number
SELECT
    permission,
    CAST(row_number() OVER (ORDER BY permission) - 1 AS INTEGER) AS code
FROM (
    SELECT DISTINCT permission
    FROM user_permissions
    WHERE granted IS NOT FALSE AND source = 'observed'
)
