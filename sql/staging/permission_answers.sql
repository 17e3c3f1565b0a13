-- One row per distinct answer about a user's permissions in the snapshot.
-- Many users share few distinct answers, because permissions come from permission sets; each is
-- parsed once.
--
-- key: answer
-- columns:
--   answer: the answer as received
--   flags: its flags: permission, value as text, and whether the value means granted
--   digest: a digest of the parsed flags
WITH answers AS (
    SELECT DISTINCT answer
    FROM landing.answers
    WHERE endpoint = 'users/{id}/permissions' AND outcome = 'answered'
),

read_answers AS (
    SELECT
        answer,
        list_transform(
            map_entries(CAST(answer -> '$.data' AS MAP(VARCHAR, VARCHAR))),  -- noqa: LT01
            lambda flag: {
                'permission': flag.key,
                'value': flag.value,
                'granted': as_flag(flag.value)
            }
        ) AS flags
    FROM answers
    WHERE json_type(answer, '$.data') = 'OBJECT'
)

SELECT
    answer,
    flags,
    md5(CAST(to_json(flags) AS VARCHAR)) AS digest
FROM read_answers
