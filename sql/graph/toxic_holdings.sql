-- One row per toxic combination of permissions that a permission set or a user holds.
-- A set has a row if it grants the combination by itself and is not an admin set; its users have no
-- rows for that. A user has a row if the combination results from several sets or from none. The
-- user must be live and not an admin, the contents of all sets must be known, and only observed
-- permissions count.
--
-- kind: table
-- key: company, subject_kind, subject_id, combination
-- columns:
--   company: the company's name in the settings
--   subject_kind: user or permission_set
--   subject_id: the id of the user or set
--   combination: the combination's name, as in `toxic_combinations`
--   severity: how bad it is: critical, high, medium, low or info
--   title: one sentence that says who can do what
--   permissions: the held permissions of the combination, sorted
--   evidence: per clause, the held permissions with their sets and dates; for a set, its users
-- example: SELECT combination, subject_kind, count(*) AS holders FROM toxic_holdings GROUP BY
--   ALL ORDER BY ALL
WITH clause_counts AS (
    SELECT
        company,
        combination,
        any_value(severity) AS severity,
        any_value(title) AS title,
        max(clause) AS clauses
    FROM toxic_combinations
    GROUP BY company, combination
),

-- Sets that grant a combination by themselves, including admin sets: their users get no rows.
toxic_sets AS (
    SELECT
        company,
        permission_set_id,
        toxic_combinations.combination
    FROM (
        SELECT
            company,
            permission_set_id,
            unnest(grants) AS permission
        FROM permission_sets
    )
    INNER JOIN toxic_combinations USING (company, permission)
    INNER JOIN clause_counts USING (company, combination)
    GROUP BY company, permission_set_id, toxic_combinations.combination
    HAVING count(DISTINCT toxic_combinations.clause) = any_value(clause_counts.clauses)
),

set_clauses AS (
    SELECT
        company,
        permission_set_id,
        toxic_sets.combination,
        toxic_combinations.clause,
        list(toxic_combinations.permission ORDER BY toxic_combinations.permission) AS held
    FROM toxic_sets
    INNER JOIN permission_sets AS sets USING (company, permission_set_id)
    INNER JOIN toxic_combinations USING (company, combination)
    WHERE sets.type <> 'admin'
        AND list_contains(sets.contents, toxic_combinations.permission)
    GROUP BY company, permission_set_id, toxic_sets.combination, toxic_combinations.clause
),

set_holdings AS (
    SELECT
        company,
        permission_set_id,
        combination,
        list_sort(list_distinct(flatten(list(held)))) AS permissions,
        list({'clause': clause, 'permissions': held} ORDER BY clause) AS clauses
    FROM set_clauses
    GROUP BY company, permission_set_id, combination
),

assignees AS (
    SELECT
        company,
        permission_set_id,
        count(*) AS users,
        count(*) FILTER (live) AS active_users,
        list(label ORDER BY live DESC NULLS LAST, user_id)[1:20] AS first_users
    FROM (
        SELECT DISTINCT
            company,
            permission_set_id,
            user_id
        FROM user_permission_sets
        SEMI JOIN set_holdings USING (company, permission_set_id)
    )
    INNER JOIN users USING (company, user_id)
    GROUP BY company, permission_set_id
),

-- Users, with the permissions that occur in combinations.
flags AS (
    SELECT
        company,
        permissions.user_id,
        permissions.permission,
        permissions.since,
        permissions.observed_at
    FROM user_permissions AS permissions
    SEMI JOIN toxic_combinations USING (company, permission)
    WHERE permissions.granted
        AND permissions.source = 'observed'
),

examined_users AS (
    SELECT
        company,
        user_id
    FROM users
    WHERE live
        AND NOT admin
        AND access_known
        -- otherwise, a set assigned in the meantime may grant all of it
        AND access_given IS NOT FALSE
        AND permissions_source = 'observed'
),

toxic_users AS (
    SELECT
        company,
        flags.user_id,
        toxic_combinations.combination
    FROM flags
    SEMI JOIN examined_users USING (company, user_id)
    INNER JOIN toxic_combinations USING (company, permission)
    INNER JOIN clause_counts USING (company, combination)
    GROUP BY company, flags.user_id, toxic_combinations.combination
    HAVING count(DISTINCT toxic_combinations.clause) = any_value(clause_counts.clauses)
),

entries AS (
    SELECT
        company,
        user_id,
        permission_set_id,
        label,
        -- a set that does not exist grants nothing
        CASE
            WHEN absent.subject_id IS NULL THEN held_sets.grants
            ELSE CAST([] AS VARCHAR[])
        END AS contents,
        grants_everything
    FROM held_sets
    SEMI JOIN toxic_users USING (company, user_id)
    LEFT JOIN proven_absences AS absent
        ON absent.company = held_sets.company
        AND absent.subject_kind = 'permission_set'
        AND absent.subject_id = held_sets.permission_set_id
),

set_users AS (
    SELECT DISTINCT
        company,
        user_id,
        toxic_sets.combination
    FROM entries
    INNER JOIN toxic_sets USING (company, permission_set_id)
),

-- one of the user's sets may grant all of it
unclear_users AS (
    SELECT DISTINCT
        company,
        user_id
    FROM entries
    WHERE contents IS NULL
        OR grants_everything
),

user_clauses AS (
    SELECT
        company,
        user_id,
        combination,
        toxic_combinations.clause,
        permission,
        flags.since,
        flags.observed_at
    FROM toxic_users
    ANTI JOIN set_users USING (company, user_id, combination)
    ANTI JOIN unclear_users USING (company, user_id)
    INNER JOIN toxic_combinations USING (company, combination)
    INNER JOIN flags USING (company, user_id, permission)
),

granting_sets AS (
    SELECT
        company,
        user_id,
        permission,
        list(DISTINCT entries.label ORDER BY entries.label) AS sets
    FROM (
        SELECT DISTINCT
            company,
            user_id,
            permission
        FROM user_clauses
    )
    INNER JOIN entries USING (company, user_id)
    WHERE list_contains(entries.contents, permission)
    GROUP BY company, user_id, permission
),

user_holdings AS (
    SELECT
        company,
        user_id,
        combination,
        list_sort(list_distinct(list(permission))) AS permissions,
        list(
            {
                'clause': clauses.clause,
                'permission': permission,
                'granted_by': coalesce(granting_sets.sets, []),
                'since': clauses.since
            }
            ORDER BY clauses.clause, permission
        ) AS holdings,
        max(clauses.observed_at) AS observed_at
    FROM user_clauses AS clauses
    LEFT JOIN granting_sets USING (company, user_id, permission)
    GROUP BY company, user_id, combination
)

SELECT
    company,
    'permission_set' AS subject_kind,
    permission_set_id AS subject_id,
    combination,
    clause_counts.severity,
    concat(
        'Everyone with the permission set ',
        coalesce(sets.name, permission_set_id),
        ' ',
        clause_counts.title,
        '.'
    ) AS title,
    set_holdings.permissions,
    to_json({
        'set': sets.name,
        'app': sets.app,
        'type': sets.type,
        'permissions': set_holdings.permissions,
        'clauses': set_holdings.clauses,
        'since': versions.valid_from,
        'users': coalesce(assignees.users, 0),
        'active_users': coalesce(assignees.active_users, 0),
        'first_users': coalesce(assignees.first_users, [])
    }) AS evidence
FROM set_holdings
INNER JOIN clause_counts USING (company, combination)
INNER JOIN permission_sets AS sets USING (company, permission_set_id)
INNER JOIN permission_sets_history AS versions USING (company, permission_set_id)
LEFT JOIN assignees USING (company, permission_set_id)
WHERE versions.valid_to IS NULL

UNION ALL

SELECT
    company,
    'user' AS subject_kind,
    CAST(user_id AS VARCHAR) AS subject_id,
    combination,
    clause_counts.severity,
    concat(users.label, ' ', clause_counts.title, '.') AS title,
    user_holdings.permissions,
    to_json({
        'user': users.label,
        'last_login': users.last_login,
        'login_known': users.login_known,
        'permissions': user_holdings.permissions,
        'clauses': user_holdings.holdings,
        'observed_at': user_holdings.observed_at
    }) AS evidence
FROM user_holdings
INNER JOIN clause_counts USING (company, combination)
INNER JOIN users USING (company, user_id)
