-- One row per permission that an answer of the snapshot names.
--
-- key: company, permission
-- columns:
--   company: the company's name in the settings
--   permission: the permission's name
--   denied: whether an answer says that the user does not hold it
SELECT
    company,
    flag.permission AS permission,
    bool_or(flag.granted IS FALSE) AS denied
FROM (
    SELECT answered.company, unnest(read_answers.flags) AS flag
    FROM (
        SELECT DISTINCT company, digest
        FROM staging.permissions_answered
    ) AS answered
    INNER JOIN (
        SELECT DISTINCT digest, flags
        FROM staging.permission_answers
    ) AS read_answers USING (digest)
)
GROUP BY company, flag.permission
