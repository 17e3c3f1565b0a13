-- One row per role and pipeline: whether the role's members see the pipeline.
-- Pipedrive lists the hidden pipelines of each role. A run requests only some roles, and the others
-- keep their last known list. It is empty for a company whose latest snapshot did not collect
-- visibility.
--
-- kind: table
-- key: company, role_id, pipeline_id
-- columns:
--   company: the company's name in the settings
--   role_id: the role
--   pipeline_id: the pipeline, which may be deleted
--   visible: whether the members see it; NULL means not known: the role was never answered, or its
--     last answer is from before the pipeline was first listed, or listed again
--   observed_at: when the role's hidden pipelines were last answered; NULL means never
-- example: SELECT roles.name, pipelines.name FROM role_pipelines JOIN roles USING (company,
--   role_id) JOIN pipelines USING (company, pipeline_id) WHERE NOT visible ORDER BY ALL
WITH answers AS (
    SELECT
        company,
        TRY_CAST(subject_id AS BIGINT) AS role_id,
        max(last_at) AS observed_at
    FROM history.observations
    WHERE history_table = 'role_pipelines'
    GROUP BY ALL
),

-- The first version of each pipeline, and those after a time in which it was not listed.
arrivals AS (
    SELECT
        versions.company,
        versions.pipeline_id,
        max(versions.valid_from) AS arrived_at
    FROM pipelines_history AS versions
    ANTI JOIN pipelines_history AS before
        ON before.company = versions.company
        AND before.pipeline_id = versions.pipeline_id
        AND before.valid_to = versions.valid_from
    GROUP BY versions.company, versions.pipeline_id
)

SELECT
    roles.company,
    roles.role_id,
    pipelines.pipeline_id,
    CASE
        WHEN list_contains(lists.hidden, pipelines.pipeline_id) THEN FALSE
        WHEN arrivals.arrived_at <= answers.observed_at AND lists.hidden IS NOT NULL THEN TRUE
    END AS visible,
    answers.observed_at
FROM roles_history AS roles
INNER JOIN pipelines ON pipelines.company = roles.company
INNER JOIN arrivals
    ON arrivals.company = pipelines.company
    AND arrivals.pipeline_id = pipelines.pipeline_id
LEFT JOIN role_pipelines_history AS lists
    ON lists.company = roles.company
    AND lists.role_id = roles.role_id
    AND lists.valid_to IS NULL
LEFT JOIN answers
    ON answers.company = roles.company
    AND answers.role_id = roles.role_id
WHERE roles.valid_to IS NULL
