-- One row per node of the graph, for graph tools; `edges` connects them.
-- Roles and sets that are referenced but not listed are nodes too, with "known": false. So are
-- members and managers of teams who are not users, without properties.
--
-- kind: view
-- key: company, node_id
-- columns:
--   company: the company's name in the settings
--   node_id: kind and id, as in user:42; unique within the company
--   kind: user, role, permission_set, app, permission, item, pipeline or team
--   label: a text to show beside the node
--   properties: attributes of the node, as a JSON object
-- example: SELECT kind, count(*) AS nodes FROM nodes GROUP BY ALL ORDER BY nodes DESC
WITH role_mentions AS (
    SELECT
        company,
        role_id
    FROM user_roles

    UNION

    SELECT
        company,
        parent_role_id AS role_id
    FROM roles
    WHERE parent_role_id IS NOT NULL

    UNION

    SELECT
        company,
        role_id
    FROM roles
),

set_mentions AS (
    SELECT
        company,
        permission_set_id
    FROM user_permission_sets
    WHERE permission_set_id IS NOT NULL

    UNION

    SELECT
        company,
        permission_set_id
    FROM permission_sets
),

app_mentions AS (
    SELECT
        company,
        app
    FROM user_permission_sets
    WHERE app IS NOT NULL

    UNION

    SELECT
        company,
        app
    FROM permission_sets
    WHERE app IS NOT NULL
),

-- Members and managers of teams may be users who do not exist.
team_mentions AS (
    SELECT
        company,
        user_id
    FROM team_members

    UNION

    SELECT
        company,
        manager_id AS user_id
    FROM teams
    WHERE manager_id IS NOT NULL
),

permission_mentions AS (
    SELECT
        company,
        permission
    FROM user_permissions

    UNION

    SELECT
        company,
        unnest(contents) AS permission
    FROM permission_sets
)

SELECT
    company,
    concat('user:', user_id) AS node_id,
    'user' AS kind,
    label,
    to_json({
        'name': name,
        'email': email,
        'active': active,
        'deleted': deleted,
        'admin': admin,
        'last_login': last_login,
        'created': created
    }) AS properties
FROM users

UNION ALL

SELECT
    company,
    concat('role:', role_mentions.role_id) AS node_id,
    'role' AS kind,
    coalesce(roles.name, concat('role ', role_mentions.role_id)) AS label,
    to_json({
        'known': roles.role_id IS NOT NULL,
        'active': roles.active,
        'depth': roles.depth,
        'members': roles.members
    }) AS properties
FROM role_mentions
LEFT JOIN roles USING (company, role_id)

UNION ALL

SELECT
    company,
    concat('permission_set:', set_mentions.permission_set_id) AS node_id,
    'permission_set' AS kind,
    coalesce(permission_sets.name, concat('set ', set_mentions.permission_set_id)) AS label,
    to_json({
        'known': permission_sets.permission_set_id IS NOT NULL,
        'app': permission_sets.app,
        'type': permission_sets.type,
        'contents_known': permission_sets.contents IS NOT NULL,
        'grants_everything': permission_sets.grants_everything
    }) AS properties
FROM set_mentions
LEFT JOIN permission_sets USING (company, permission_set_id)

UNION ALL

SELECT
    company,
    concat('app:', app) AS node_id,
    'app' AS kind,
    app AS label,
    CAST('{}' AS JSON) AS properties
FROM app_mentions

UNION ALL

SELECT
    company,
    concat('permission:', permission) AS node_id,
    'permission' AS kind,
    permission AS label,
    CAST('{}' AS JSON) AS properties
FROM permission_mentions

UNION ALL

SELECT
    company,
    concat('user:', user_id) AS node_id,
    'user' AS kind,
    concat('user ', user_id) AS label,
    CAST('{}' AS JSON) AS properties
FROM team_mentions
ANTI JOIN users USING (company, user_id)

UNION ALL

SELECT DISTINCT
    company,
    concat('item:', item) AS node_id,
    'item' AS kind,
    item AS label,
    CAST('{}' AS JSON) AS properties
FROM role_visibility

UNION ALL

SELECT
    company,
    concat('pipeline:', pipeline_id) AS node_id,
    'pipeline' AS kind,
    label,
    to_json({'deleted': pipelines.deleted}) AS properties
FROM pipelines

UNION ALL

SELECT
    company,
    concat('team:', team_id) AS node_id,
    'team' AS kind,
    label,
    to_json({
        'active': teams.active,
        'deleted': teams.deleted,
        'members': teams.members
    }) AS properties
FROM teams
