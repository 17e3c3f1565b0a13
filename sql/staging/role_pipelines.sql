-- One row per role whose hidden pipelines the snapshot's answers give.
-- The answer lists the hidden pipelines; if it says that it lists the visible ones, or one of its
-- ids cannot be read, it is not used. Answers about roles that no longer exist are ignored.
--
-- key: company, role_id
-- columns:
--   company: the company's name in the settings
--   role_id: the role
--   hidden: the ids of the pipelines that its members do not see, sorted
WITH answers AS (
    SELECT
        answers.company,
        as_id(answers.asked.id) AS role_id,
        answers.answered_at,
        answers.answer -> '$.data.pipeline_ids' AS listed
    FROM landing.answers AS answers
    INNER JOIN landing.batch AS batch ON batch.company = answers.company AND batch.visibility
    WHERE
        answers.endpoint = 'roles/{id}/pipelines'
        AND answers.outcome = 'answered'
        AND is_ids(answers.answer -> '$.data.pipeline_ids')
        AND as_flag(coalesce(answers.answer ->> '$.data.visible', 'false')) IS FALSE
),

ids AS (
    SELECT
        company,
        role_id,
        answered_at,
        list_transform(
            CAST(listed AS JSON[]), lambda entry: as_id(entry ->> '$')
        ) AS hidden
    FROM answers
)

SELECT
    ids.company,
    ids.role_id,
    arg_max(list_sort(list_distinct(ids.hidden)), ids.answered_at) AS hidden
FROM ids
SEMI JOIN staging.roles AS roles
    ON roles.company = ids.company AND roles.role_id = ids.role_id
GROUP BY ids.company, ids.role_id
