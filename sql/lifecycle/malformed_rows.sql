-- One row per problem of a row that a rule returned: it is not a finding, or its identity is not
-- unique.
--
-- key: rule, subject, problem
-- columns:
--   rule: the rule
--   subject: identifies the row: company, kind of subject, subject and object
--   problem: what is wrong with the row, as the end of a sentence
WITH checked AS (
    SELECT
        rule,
        concat_ws(' ', 'of', company, subject_kind, subject_id, object) AS subject,
        CASE
            WHEN
                subject_kind IS NULL
                OR subject_kind NOT IN (
                    'user', 'role', 'permission_set', 'pipeline', 'team', 'company'
                )
                THEN 'has no valid subject_kind'
            WHEN subject_id IS NULL THEN 'has no subject_id'
            WHEN
                severity IS NULL
                OR severity NOT IN ('critical', 'high', 'medium', 'low', 'info')
                THEN 'has no valid severity'
            WHEN title IS NULL THEN 'has no title'
            WHEN
                count(*) OVER (
                    PARTITION BY company, rule, subject_kind, subject_id, object, snapshot_id
                ) > 1
                THEN 'occurs more than once; a rule returns one row per identity'
        END AS problem
    FROM run.found
)

SELECT DISTINCT
    rule,
    subject,
    problem
FROM checked
WHERE problem IS NOT NULL
