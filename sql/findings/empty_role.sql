-- One row per active role that has had neither an active member nor a role below it for
-- `empty_role_days`. A member is a live user with an active assignment; if either is unknown, the
-- user counts as a member. A user whose assignments were never read counts for the role that the
-- user's record names; if it names none, the user counts for every role. Every role below counts,
-- deleted or not. The days count from when the last member or the last role below was gone, but at
-- the earliest from when the role was first seen. The default role never counts as empty.
--
-- kind: rule
-- title: Empty role
-- severity: low
-- meaning: No active user has been in this role for 7 days (default threshold), and no role is
--   below it. It is left over, and a user who is assigned to it one day sees what nobody has
--   reviewed for a long time.
-- remedy: Delete the role, unless somebody joins it soon.
-- reference: CIS Controls v8 6.8 (role-based access control)
-- needs: users, roles, all users/{id}/roleAssignments
-- identity: subject
WITH parents AS (
    SELECT DISTINCT
        company,
        parent_role_id AS role_id
    FROM roles
    WHERE parent_role_id <> role_id
),

possible_members AS (
    SELECT
        company,
        user_roles.role_id
    FROM user_roles
    LEFT JOIN users USING (company, user_id)
    WHERE user_roles.active IS NOT FALSE
        AND users.live IS NOT FALSE

    UNION

    SELECT
        company,
        role_id
    FROM users
    WHERE live IS NOT FALSE
        AND roles_observed_at IS NULL
        AND role_id IS NOT NULL
),

untold_companies AS (
    SELECT DISTINCT company
    FROM users
    WHERE live IS NOT FALSE
        AND roles_observed_at IS NULL
        AND role_id IS NULL
),

empty_roles AS (
    SELECT
        company,
        role_id,
        roles.name,
        roles.parent_role_id,
        roles.assignment_count,
        roles.sub_role_count
    FROM roles
    ANTI JOIN parents USING (company, role_id)
    ANTI JOIN possible_members USING (company, role_id)
    ANTI JOIN untold_companies USING (company)
    WHERE roles.active
        AND (roles.role_id <> 1 OR roles.name <> '(Unassigned users)')
),

role_versions AS (
    SELECT
        company,
        role_id,
        versions.active,
        versions.valid_from,
        lag(versions.active) OVER spans IS NOT TRUE
            OR lag(versions.valid_to) OVER spans IS DISTINCT FROM versions.valid_from AS starts
    FROM roles_history AS versions
    SEMI JOIN empty_roles USING (company, role_id)
    WINDOW spans AS (PARTITION BY company, role_id ORDER BY versions.valid_from)
),

role_beginnings AS (
    SELECT
        company,
        role_id,
        max(role_versions.valid_from) AS began_at
    FROM role_versions
    WHERE role_versions.active
        AND role_versions.starts
    GROUP BY company, role_id
),

past_assignments AS (
    SELECT
        company,
        role_id,
        assignments.user_id,
        assignments.valid_from,
        assignments.valid_to
    FROM user_roles_history AS assignments
    SEMI JOIN empty_roles USING (company, role_id)
    WHERE assignments.active IS NOT FALSE
),

-- What kept a role from being empty: a member or a role below, and until when.
occupations AS (
    SELECT
        assignments.company,
        assignments.role_id,
        assignments.user_id,
        least(assignments.valid_to, people.valid_to) AS ended_at
    FROM past_assignments AS assignments
    INNER JOIN users_history AS people
        ON people.company = assignments.company
        AND people.user_id = assignments.user_id
    WHERE people.live IS NOT FALSE
        AND coalesce(assignments.valid_from < people.valid_to, TRUE)
        AND coalesce(people.valid_from < assignments.valid_to, TRUE)

    UNION ALL

    SELECT
        company,
        versions.parent_role_id AS role_id,
        CAST(NULL AS BIGINT) AS user_id,
        versions.valid_to AS ended_at
    FROM roles_history AS versions
    WHERE versions.parent_role_id <> versions.role_id
        AND versions.valid_to IS NOT NULL
),

last_occupations AS (
    SELECT
        company,
        role_id,
        max(occupations.ended_at) AS ended_at,
        arg_max(occupations.user_id, occupations.ended_at) FILTER (
            occupations.user_id IS NOT NULL
        ) AS last_member,
        max(occupations.ended_at) FILTER (occupations.user_id IS NOT NULL) AS last_member_until
    FROM occupations
    GROUP BY company, role_id
),

vacancies AS (
    SELECT
        company,
        role_id,
        greatest(
            role_beginnings.began_at,
            coalesce(last_occupations.ended_at, role_beginnings.began_at)
        ) AS empty_since
    FROM role_beginnings
    LEFT JOIN last_occupations USING (company, role_id)
)

SELECT
    empty_roles.company,
    'role' AS subject_kind,
    CAST(empty_roles.role_id AS VARCHAR) AS subject_id,
    CAST(NULL AS VARCHAR) AS object,
    'low' AS severity,
    concat(
        'No active user is in the role ',
        coalesce(empty_roles.name, CAST(empty_roles.role_id AS VARCHAR)),
        ', nor is a role below it, since ',
        CASE WHEN vacancies.empty_since = role_beginnings.began_at THEN 'at least ' END,
        CAST(vacancies.empty_since AS DATE),
        '.'
    ) AS title,
    to_json({
        'role': empty_roles.name,
        'parent_role_id': empty_roles.parent_role_id,
        'parent_role': parent_roles.name,
        'first_seen': role_beginnings.began_at,
        'empty_since': vacancies.empty_since,
        'days_empty': date_sub('day', vacancies.empty_since, current_snapshot.as_of),
        'last_member': people.label,
        'last_member_until': last_occupations.last_member_until,
        'assignment_count': empty_roles.assignment_count,
        'sub_role_count': empty_roles.sub_role_count,
        'threshold_days': rule_thresholds.empty_role_days
    }) AS evidence
FROM empty_roles
INNER JOIN vacancies USING (company, role_id)
INNER JOIN role_beginnings USING (company, role_id)
INNER JOIN current_snapshot USING (company)
INNER JOIN rule_thresholds USING (company)
LEFT JOIN last_occupations USING (company, role_id)
LEFT JOIN users AS people
    ON people.company = empty_roles.company
    AND people.user_id = last_occupations.last_member
LEFT JOIN roles AS parent_roles
    ON parent_roles.company = empty_roles.company
    AND parent_roles.role_id = empty_roles.parent_role_id
WHERE vacancies.empty_since <= current_snapshot.as_of - to_days(rule_thresholds.empty_role_days)
