-- One row per waiver and unresolved finding that it matches, whether or not the waiver is in force.
--
-- key: company, finding_id, waiver_id
-- columns:
--   company: the company's name in the settings
--   finding_id: the finding
--   waiver_id: the waiver
WITH candidates AS (
    SELECT
        findings.company,
        findings.finding_id,
        findings.subject_kind,
        findings.subject_id,
        waivers.waiver_id,
        waivers.read_at,
        lower(waivers.subject) AS subject,
        name_form(waivers.subject) AS form
    FROM history.findings AS findings
    INNER JOIN run.moments AS moments ON findings.company = moments.company
    INNER JOIN history.waivers AS waivers
        ON findings.company = waivers.company AND findings.rule = waivers.rule
    WHERE
        findings.status <> 'resolved'
        -- a waiver without an object matches findings without one
        AND CASE
            WHEN waivers.object IS NULL OR findings.object IS NULL
                THEN waivers.object IS NOT DISTINCT FROM findings.object
            ELSE
                findings.object = waivers.object
                OR lower(findings.object) GLOB lower(waivers.object)
        END
        -- a waiver covers events that had happened when it was read, not later ones
        AND (findings.snapshot_id IS NULL OR findings.first_seen <= waivers.read_at)
),

names AS (
    SELECT
        users.company,
        'user' AS subject_kind,
        CAST(users.user_id AS VARCHAR) AS subject_id,
        unnest([users.email, addresses.address, users.name]) AS name,
        unnest(['address', 'address', 'name']) AS form,
        unnest(['email', 'email', 'name']) AS attribute
    FROM users
    LEFT JOIN history.user_addresses AS addresses
        ON users.company = addresses.company AND users.user_id = addresses.user_id
    SEMI JOIN run.moments AS moments ON users.company = moments.company
    UNION ALL
    SELECT
        roles.company,
        'role' AS subject_kind,
        CAST(roles.role_id AS VARCHAR) AS subject_id,
        roles.name,
        'name' AS form,
        'name' AS attribute
    FROM roles
    SEMI JOIN run.moments AS moments ON roles.company = moments.company
    UNION ALL
    SELECT
        sets.company,
        'permission_set' AS subject_kind,
        sets.permission_set_id AS subject_id,
        sets.name,
        'name' AS form,
        'name' AS attribute
    FROM permission_sets AS sets
    SEMI JOIN run.moments AS moments ON sets.company = moments.company
    UNION ALL
    SELECT
        pipelines.company,
        'pipeline' AS subject_kind,
        CAST(pipelines.pipeline_id AS VARCHAR) AS subject_id,
        pipelines.name,
        'name' AS form,
        'name' AS attribute
    FROM pipelines
    SEMI JOIN run.moments AS moments ON pipelines.company = moments.company
    UNION ALL
    SELECT
        teams.company,
        'team' AS subject_kind,
        CAST(teams.team_id AS VARCHAR) AS subject_id,
        teams.name,
        'name' AS form,
        'name' AS attribute
    FROM teams
    SEMI JOIN run.moments AS moments ON teams.company = moments.company
    UNION ALL
    SELECT
        company,
        subject_kind,
        subject_id,
        subject_id AS name,
        name_form(subject_id) AS form,
        NULL AS attribute
    FROM candidates
    UNION ALL
    -- the only name that nobody in the company can choose
    SELECT
        company,
        subject_kind,
        subject_id,
        company AS name,
        name_form(company) AS form,
        NULL AS attribute
    FROM candidates
    WHERE subject_kind = 'company'
)

SELECT DISTINCT
    candidates.company,
    candidates.finding_id,
    candidates.waiver_id
FROM candidates
INNER JOIN names
    ON
        candidates.company = names.company
        AND candidates.subject_kind = names.subject_kind
        AND candidates.subject_id = names.subject_id
LEFT JOIN run.renames AS renamed
    ON
        candidates.company = renamed.company
        AND candidates.subject_kind = renamed.subject_kind
        AND candidates.subject_id = renamed.subject_id
        AND names.attribute = renamed.attribute
WHERE
    -- any subject, including one without a name
    candidates.subject = '*'
    OR (
        names.form = candidates.form
        AND (
            lower(names.name) = candidates.subject OR lower(names.name) GLOB candidates.subject
        )
        -- a waiver does not cover a subject that got its name after the waiver was read
        AND (
            coalesce(renamed.renamed_at <= candidates.read_at, TRUE)
            OR lower(renamed.before) GLOB candidates.subject
        )
    )
