-- One row per current name or address that a role, permission set, user, pipeline or team did not
-- have from the start.
-- It is the latest rename. A change of capitals only is not a rename. Renames before the version
-- that introduced this table are not included.
--
-- kind: table
-- key: company, subject_kind, subject_id, attribute
-- columns:
--   company: the company's name in the settings
--   subject_kind: role, permission_set, user, pipeline or team
--   subject_id: its id
--   attribute: name or email
--   before: the previous name or address
--   after: the current name or address
--   renamed_at: when that was first seen
-- example: SELECT subject_kind, subject_id, before, after, renamed_at FROM renames ORDER BY
--   renamed_at DESC
WITH versions AS (
    SELECT
        company,
        'role' AS subject_kind,
        CAST(role_id AS VARCHAR) AS subject_id,
        'name' AS attribute,
        name AS value,
        valid_from,
        valid_to
    FROM history.roles

    UNION ALL

    SELECT
        company,
        'permission_set' AS subject_kind,
        permission_set_id AS subject_id,
        'name' AS attribute,
        name AS value,
        valid_from,
        valid_to
    FROM history.permission_sets

    UNION ALL

    SELECT
        company,
        'pipeline' AS subject_kind,
        CAST(pipeline_id AS VARCHAR) AS subject_id,
        'name' AS attribute,
        name AS value,
        valid_from,
        valid_to
    FROM history.pipelines

    UNION ALL

    SELECT
        company,
        'team' AS subject_kind,
        CAST(team_id AS VARCHAR) AS subject_id,
        'name' AS attribute,
        name AS value,
        valid_from,
        valid_to
    FROM history.teams

    UNION ALL

    -- most users have one version and were not renamed
    SELECT
        company,
        'user' AS subject_kind,
        CAST(user_id AS VARCHAR) AS subject_id,
        unnest(['name', 'email']) AS attribute,
        unnest([name, email]) AS value,
        valid_from,
        valid_to
    FROM history.users
    SEMI JOIN (
        SELECT
            company,
            user_id
        FROM history.users
        WHERE valid_to IS NOT NULL
    ) AS earlier USING (company, user_id)
),

steps AS (
    SELECT
        *,
        lag(value) OVER (
            PARTITION BY company, subject_kind, subject_id, attribute ORDER BY valid_from
        ) AS before
    FROM versions
    WHERE value IS NOT NULL
),

last_steps AS (
    SELECT
        company,
        subject_kind,
        subject_id,
        attribute,
        arg_max(before, valid_from) AS before,
        max(valid_from) AS renamed_at
    FROM steps
    ANTI JOIN (
        SELECT
            company,
            started_at AS valid_from
        FROM history.snapshots
        WHERE journal_lines IS NULL
    ) AS earlier USING (company, valid_from)
    WHERE lower(before) <> lower(value)
    GROUP BY company, subject_kind, subject_id, attribute
)

SELECT
    company,
    subject_kind,
    subject_id,
    attribute,
    last_steps.before,
    present.value AS after,
    last_steps.renamed_at
FROM last_steps
INNER JOIN versions AS present USING (company, subject_kind, subject_id, attribute)
WHERE present.valid_to IS NULL
    AND present.value IS NOT NULL
