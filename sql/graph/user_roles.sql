-- One row per assignment of a user to a role now, including inactive users.
-- The role may not exist: dangling references in Pipedrive are kept. A user whose assignments were
-- never answered has no row (see `users.roles_observed_at`), except in a snapshot collected by
-- access without the right to list roles: there, the answer about one user per role is used for the
-- other users whose records name the same role.
--
-- kind: table
-- key: company, user_id, role_id
-- columns:
--   company: the company's name in the settings
--   user_id: the user
--   role_id: the assigned role
--   active: the assignment's own flag; if inferred, the value on which all observed users of that
--     role agree
--   is_default: whether it is Pipedrive's default role for users without another one: the role with
--     id 1 and the name "(Unassigned users)"; NULL means not known
--   source: observed (answered for this user, or listed among the role's members) or inferred (from
--     the role in the user's record)
--   since: when this assignment was first seen in its present form; NULL if it is inferred
-- example: SELECT users.label, roles.name FROM user_roles JOIN users USING (company, user_id)
--   JOIN roles ON roles.company = user_roles.company AND roles.role_id = user_roles.role_id
--   WHERE user_roles.active
WITH observed AS (
    SELECT
        company,
        user_id,
        assignments.role_id,
        assignments.active,
        assignments.valid_from AS since
    FROM user_roles_history AS assignments
    WHERE assignments.valid_to IS NULL
),

accounts AS (
    SELECT
        company,
        user_id,
        users_history.role_id
    FROM users_history
    WHERE users_history.valid_to IS NULL
),

-- The answers about observed users for the role in their own record.
samples AS (
    SELECT
        company,
        observed.role_id,
        CASE
            WHEN bool_and(observed.active IS TRUE) THEN TRUE
            WHEN bool_and(observed.active IS FALSE) THEN FALSE
        END AS active
    FROM accounts
    INNER JOIN observed USING (company, user_id, role_id)
    GROUP BY company, observed.role_id
),

inferred AS (
    SELECT
        accounts.company,
        accounts.user_id,
        accounts.role_id,
        samples.active
    FROM accounts
    INNER JOIN current_snapshot USING (company)
    INNER JOIN snapshots USING (company, snapshot_id)
    INNER JOIN samples
        ON samples.company = accounts.company
        AND samples.role_id = accounts.role_id
    ANTI JOIN history.observations AS observations
        ON observations.company = accounts.company
        AND observations.history_table = 'user_roles'
        AND observations.subject_id = CAST(accounts.user_id AS VARCHAR)
    WHERE snapshots.collect = 'by-access'
),

assignments AS (
    SELECT
        *,
        'observed' AS source
    FROM observed

    UNION ALL BY NAME

    SELECT
        *,
        'inferred' AS source
    FROM inferred
    ANTI JOIN observed USING (company, user_id, role_id)
)

SELECT
    assignments.company,
    assignments.user_id,
    assignments.role_id,
    assignments.active,
    assignments.role_id = 1 AND role_names.name = '(Unassigned users)' AS is_default,
    assignments.source,
    assignments.since
FROM assignments
LEFT JOIN roles_history AS role_names
    ON role_names.company = assignments.company
    AND role_names.role_id = assignments.role_id
    AND role_names.valid_to IS NULL
