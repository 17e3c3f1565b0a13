-- One row per user whose permissions were answered and whose access is the same as in the previous
-- snapshot.
-- The same access means: the same status, apps, admin rights, permission sets, contents of these
-- sets, and roles. So neither an assignment nor an edit of a set caused a change in the user's
-- permissions. A company has no comparable users if a role or set changed, or if the snapshot does
-- not show whether one did.
--
-- key: company, user_id
-- columns:
--   company: the company's name in the settings
--   user_id: Pipedrive's id of the user
--   live: active and not deleted
--   answered_before: whether the permissions were answered before, under the same access
--   unchanged: whether the answer about the permissions is the same as in the previous snapshot
WITH unclear_companies AS (
    SELECT batch.company
    FROM landing.batch AS batch
    CROSS JOIN (VALUES ('roles'), ('permissionSets')) AS lists(endpoint)  -- noqa: LT01
    LEFT JOIN staging.coverage
        ON
            coverage.company = batch.company
            AND coverage.endpoint = lists.endpoint
            AND coverage.subject_id IS NULL
    WHERE coverage.outcome IS DISTINCT FROM 'answered'
    UNION
    SELECT coverage.company
    FROM staging.coverage AS coverage
    -- a listed role is requested for its visibility settings only
    ANTI JOIN staging.role_records AS listed
        ON
            listed.endpoint = 'roles'
            AND coverage.endpoint = 'roles/{id}'
            AND listed.company = coverage.company
            AND CAST(listed.role_id AS VARCHAR) = coverage.subject_id
    WHERE
        coverage.endpoint IN ('roles/{id}', 'permissionSets/{id}')
        AND coverage.outcome NOT IN ('answered', 'gone')
),

edited_companies AS (
    SELECT staged.company
    FROM staging.roles AS staged
    LEFT JOIN history.roles AS last
        ON
            last.company = staged.company
            AND last.role_id = staged.role_id
            AND last.valid_to IS NULL
    WHERE
        last.role_id IS NULL
        OR last.name IS DISTINCT FROM staged.name
        OR last.parent_role_id IS DISTINCT FROM staged.parent_role_id
        OR last.active IS DISTINCT FROM staged.active
        OR last.description IS DISTINCT FROM staged.description
    UNION
    SELECT staged.company
    FROM staging.permission_sets AS staged
    LEFT JOIN history.permission_sets AS last
        ON
            last.company = staged.company
            AND last.permission_set_id = staged.permission_set_id
            AND last.valid_to IS NULL
    WHERE
        last.permission_set_id IS NULL
        OR last.name IS DISTINCT FROM staged.name
        OR last.app IS DISTINCT FROM staged.app
        OR last.type IS DISTINCT FROM staged.type
        OR last.description IS DISTINCT FROM staged.description
        OR last.contents IS DISTINCT FROM staged.contents
    UNION
    -- roles and sets that no longer exist
    SELECT proven.company
    FROM staging.answered_in_full AS proven
    INNER JOIN history.roles AS last
        ON
            proven.history_table = 'roles'
            AND last.company = proven.company
            AND CAST(last.role_id AS VARCHAR) = proven.subject_id
            AND last.valid_to IS NULL
    ANTI JOIN staging.roles AS staged
        ON staged.company = last.company AND staged.role_id = last.role_id
    UNION
    SELECT proven.company
    FROM staging.answered_in_full AS proven
    INNER JOIN history.permission_sets AS last
        ON
            proven.history_table = 'permission_sets'
            AND last.company = proven.company
            AND last.permission_set_id = proven.subject_id
            AND last.valid_to IS NULL
    ANTI JOIN staging.permission_sets AS staged
        ON
            staged.company = last.company
            AND staged.permission_set_id = last.permission_set_id
),

answered_users AS (
    SELECT
        users.company,
        users.user_id,
        users.active AND users.deleted IS NOT TRUE AS live,
        answered.unchanged,
        coalesce(observations.signature = signatures.signature, FALSE) AS answered_before
    FROM staging.users AS users
    INNER JOIN staging.permissions_answered AS answered USING (company, user_id)
    ANTI JOIN unclear_companies USING (company)
    ANTI JOIN edited_companies USING (company)
    INNER JOIN staging.access_signatures AS signatures USING (company, user_id)
    INNER JOIN history.access_signatures AS last
        ON
            last.company = users.company
            AND last.user_id = users.user_id
            AND last.signature = signatures.signature
    LEFT JOIN history.observations AS observations
        ON
            observations.company = users.company
            AND observations.history_table = 'user_permissions'
            AND observations.subject_id = CAST(users.user_id AS VARCHAR)
    WHERE users.access_given
),

-- users whose role assignments are completely known
seated_users AS (
    SELECT answered_users.*
    FROM answered_users
    SEMI JOIN staging.answered_in_full AS proven
        ON
            proven.company = answered_users.company
            AND proven.history_table = 'user_roles'
            AND proven.subject_id = CAST(answered_users.user_id AS VARCHAR)
),

moved_users AS (
    SELECT staged.company, staged.user_id
    FROM staging.user_roles AS staged
    LEFT JOIN history.user_roles AS last
        ON
            last.company = staged.company
            AND last.user_id = staged.user_id
            AND last.role_id = staged.role_id
            AND last.valid_to IS NULL
    WHERE last.role_id IS NULL OR last.active IS DISTINCT FROM staged.active
    UNION
    SELECT last.company, last.user_id
    FROM history.user_roles AS last
    SEMI JOIN seated_users USING (company, user_id)
    ANTI JOIN staging.user_roles AS staged
        ON
            staged.company = last.company
            AND staged.user_id = last.user_id
            AND staged.role_id = last.role_id
    WHERE last.valid_to IS NULL
)

SELECT company, user_id, live, answered_before, unchanged
FROM seated_users
ANTI JOIN moved_users USING (company, user_id)
