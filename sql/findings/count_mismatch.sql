-- One row per role or permission set whose user count in Pipedrive differs from the users that
-- Pipedrive lists. Pipedrive does not say whether its count includes inactive users and inactive
-- assignments, so only a count that fits none of these interpretations is a finding. The count and
-- the list are compared as of the snapshot that read the count. A user whose assignments or sets
-- were not read by then, or whose status is unknown, may be listed or not; a count that could be
-- right is not a finding. The severity is high if at least 10 users, and more than half of the
-- count, are missing from the list: then Pipedrive probably withholds users.
--
-- kind: rule
-- title: User counts differ
-- severity: info
-- meaning: The number of users that Pipedrive gives for a role or permission set differs from the
--   users it lists: either some members are hidden, or the list contains users who are not members.
-- remedy: Compare the members in Pipedrive's settings with the list. If they differ, ask Pipedrive.
-- reference: NIST SP 800-53 AC-2 (account management)
-- needs: users, roles, all users/{id}/roleAssignments, all users/{id}/access, permissionSets/{id}
-- identity: subject
WITH counted_roles AS (
    SELECT
        roles.company,
        roles.role_id,
        roles.name,
        roles.assignment_count AS counted,
        told.last_at AS counted_at
    FROM roles
    INNER JOIN history.observations AS told
        ON told.company = roles.company
        AND told.history_table = 'roles'
        AND told.subject_id = CAST(roles.role_id AS VARCHAR)
    WHERE roles.assignment_count IS NOT NULL
),

-- There are many users, but few different times at which their roles were read.
answer_times AS (
    SELECT
        company,
        roles_observed_at,
        count(*) AS users
    FROM users
    GROUP BY company, roles_observed_at
),

untold_roles AS (
    SELECT
        company,
        counted_roles.role_id,
        coalesce(
            sum(answer_times.users) FILTER (
                answer_times.roles_observed_at IS NULL
                OR answer_times.roles_observed_at < counted_roles.counted_at
            ),
            0
        ) AS untold
    FROM counted_roles
    INNER JOIN answer_times USING (company)
    GROUP BY company, counted_roles.role_id
),

assignment_groups AS (
    SELECT
        company,
        versions.role_id,
        versions.active,
        users.live,
        versions.valid_from,
        versions.valid_to,
        count(*) AS assignments
    FROM user_roles_history AS versions
    LEFT JOIN users USING (company, user_id)
    GROUP BY ALL
),

listed_members AS (
    SELECT
        counted_roles.company,
        counted_roles.role_id,
        coalesce(sum(members.assignments), 0) AS listed,
        coalesce(sum(members.assignments) FILTER (members.active), 0) AS listed_active,
        coalesce(sum(members.assignments) FILTER (members.live), 0) AS listed_live,
        coalesce(
            sum(members.assignments) FILTER (members.active AND members.live), 0
        ) AS listed_live_active,
        coalesce(
            sum(members.assignments) FILTER (members.active IS NULL OR members.live IS NULL), 0
        ) AS unclear
    FROM counted_roles
    LEFT JOIN assignment_groups AS members
        ON members.company = counted_roles.company
        AND members.role_id = counted_roles.role_id
        AND members.valid_from <= counted_roles.counted_at
        AND coalesce(members.valid_to > counted_roles.counted_at, TRUE)
    GROUP BY counted_roles.company, counted_roles.role_id
),

counted_sets AS (
    SELECT
        sets.company,
        sets.permission_set_id,
        sets.name,
        sets.assignment_count AS counted,
        told.last_at AS counted_at
    FROM permission_sets AS sets
    INNER JOIN history.observations AS told
        ON told.company = sets.company
        AND told.history_table = 'permission_sets'
        AND told.subject_id = sets.permission_set_id
    WHERE sets.assignment_count IS NOT NULL
),

-- There are many users, but few different values of `access`. Materialized, so that every reader
-- sees the same group ids.
access_groups AS MATERIALIZED (
    SELECT
        company,
        told.access,
        told.live,
        told.valid_from,
        told.valid_to,
        count(*) AS users,
        row_number() OVER () AS group_id
    FROM (
        SELECT
            company,
            versions.live,
            versions.valid_from,
            versions.valid_to,
            -- a user whose access was not returned this time may have other sets by now
            CASE
                WHEN versions.valid_to IS NULL AND users.access_given IS FALSE THEN NULL
                ELSE versions.access
            END AS access
        FROM users_history AS versions
        LEFT JOIN users USING (company, user_id)
    ) AS told
    SEMI JOIN counted_sets USING (company)
    GROUP BY company, told.access, told.live, told.valid_from, told.valid_to
),

entry_groups AS (
    SELECT
        company,
        access_groups.group_id,
        access_groups.live,
        access_groups.valid_from,
        access_groups.valid_to,
        access_groups.users,
        access_groups.access IS NULL AS untold,
        unnest(
            CASE
                WHEN access_groups.access IS NULL THEN [NULL]
                ELSE list_transform(access_groups.access, lambda entry: entry.permission_set_id)
            END
        ) AS permission_set_id
    FROM access_groups
),

-- Pipedrive may count a user with a set in two apps once or twice
holder_groups AS (
    SELECT
        company,
        group_id,
        permission_set_id,
        live,
        valid_from,
        valid_to,
        users,
        count(*) AS entries
    FROM entry_groups
    WHERE permission_set_id IS NOT NULL
    GROUP BY ALL
),

untold_sets AS (
    SELECT
        company,
        counted_sets.permission_set_id,
        sum(entry_groups.users) AS untold
    FROM counted_sets
    INNER JOIN entry_groups USING (company)
    WHERE entry_groups.untold
        AND entry_groups.valid_from <= counted_sets.counted_at
        AND coalesce(entry_groups.valid_to > counted_sets.counted_at, TRUE)
    GROUP BY company, counted_sets.permission_set_id
),

listed_holders AS (
    SELECT
        counted_sets.company,
        counted_sets.permission_set_id,
        coalesce(sum(holders.users * holders.entries), 0) AS entries,
        coalesce(sum(holders.users * holders.entries) FILTER (holders.live), 0) AS live_entries,
        coalesce(sum(holders.users), 0) AS listed,
        coalesce(sum(holders.users) FILTER (holders.live), 0) AS listed_live,
        coalesce(sum(holders.users) FILTER (holders.live IS NULL), 0) AS unclear
    FROM counted_sets
    LEFT JOIN holder_groups AS holders
        ON holders.company = counted_sets.company
        AND holders.permission_set_id = counted_sets.permission_set_id
        AND holders.valid_from <= counted_sets.counted_at
        AND coalesce(holders.valid_to > counted_sets.counted_at, TRUE)
    GROUP BY counted_sets.company, counted_sets.permission_set_id
),

comparisons AS (
    SELECT
        company,
        'role' AS subject_kind,
        CAST(role_id AS VARCHAR) AS subject_id,
        concat('role ', coalesce(counted_roles.name, CAST(role_id AS VARCHAR))) AS label,
        counted_roles.counted,
        counted_roles.counted_at,
        listed_members.listed,
        listed_members.listed_live,
        [
            listed_members.listed,
            listed_members.listed_active,
            listed_members.listed_live,
            listed_members.listed_live_active
        ] AS possible_counts,
        untold_roles.untold + listed_members.unclear AS unknown
    FROM counted_roles
    INNER JOIN untold_roles USING (company, role_id)
    INNER JOIN listed_members USING (company, role_id)

    UNION ALL

    SELECT
        company,
        'permission_set' AS subject_kind,
        permission_set_id AS subject_id,
        concat('permission set ', coalesce(counted_sets.name, permission_set_id)) AS label,
        counted_sets.counted,
        counted_sets.counted_at,
        listed_holders.listed,
        listed_holders.listed_live,
        [
            listed_holders.entries,
            listed_holders.live_entries,
            listed_holders.listed,
            listed_holders.listed_live
        ] AS possible_counts,
        coalesce(untold_sets.untold, 0) + listed_holders.unclear AS unknown
    FROM counted_sets
    INNER JOIN listed_holders USING (company, permission_set_id)
    LEFT JOIN untold_sets USING (company, permission_set_id)
)

SELECT
    company,
    subject_kind,
    subject_id,
    CAST(NULL AS VARCHAR) AS object,
    CASE
        WHEN counted - listed - unknown >= 10 AND counted - listed - unknown > 0.5 * counted
            THEN 'high'
        ELSE 'info'
    END AS severity,
    concat('Pipedrive counts ', counted, ' users of the ', label, ', but lists ', listed, '.')
        AS title,
    to_json({
        'counted': counted,
        'listed': CAST(listed AS BIGINT),
        'listed_live': CAST(listed_live AS BIGINT),
        'not_known': CAST(unknown AS BIGINT),
        'compared_at': counted_at
    }) AS evidence
FROM comparisons
WHERE CASE
    WHEN unknown = 0 THEN NOT list_contains(possible_counts, counted)
    ELSE counted > list_max(possible_counts) + unknown
        OR counted < list_min(possible_counts) - unknown
END
