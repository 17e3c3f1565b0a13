-- One row per edge of the graph, for graph tools: a source, a kind of relation, and a target.
-- The kinds are: user member_of role, role child_of role, user has_set permission_set, user
-- admin_of app, permission_set part_of app, permission_set grants permission and user holds
-- permission; and if visibility was collected: role shares item, role sees pipeline, user in_team
-- team and user manages team. Edges between users who see each other's items would be the square of
-- the users; they follow from `shares` (its property `reach` says with which roles new items are
-- shared), child_of and member_of, as in the macro can_see.
--
-- kind: view
-- key: company, source, target, kind
-- columns:
--   company: the company's name in the settings
--   source: the node where the edge starts
--   target: the node where the edge ends
--   kind: the kind of relation
--   properties: attributes of the edge, as a JSON object
-- example: SELECT kind, count(*) AS edges FROM edges GROUP BY ALL ORDER BY edges DESC
SELECT
    company,
    concat('user:', user_id) AS source,
    concat('role:', role_id) AS target,
    'member_of' AS kind,
    to_json({'active': active, 'source': user_roles.source}) AS properties
FROM user_roles

UNION ALL

SELECT
    company,
    concat('role:', role_id) AS source,
    concat('role:', parent_role_id) AS target,
    'child_of' AS kind,
    CAST('{}' AS JSON) AS properties
FROM roles
WHERE parent_role_id <> role_id

UNION ALL

-- two entries with the same set give one edge
SELECT
    company,
    concat('user:', user_id) AS source,
    concat('permission_set:', permission_set_id) AS target,
    'has_set' AS kind,
    to_json({'apps': list(app ORDER BY app), 'admin': bool_or(admin)}) AS properties
FROM user_permission_sets
WHERE permission_set_id IS NOT NULL
GROUP BY company, user_id, permission_set_id

UNION ALL

SELECT DISTINCT
    company,
    concat('user:', user_id) AS source,
    concat('app:', app) AS target,
    'admin_of' AS kind,
    CAST('{}' AS JSON) AS properties
FROM user_permission_sets
WHERE admin
    AND app IS NOT NULL

UNION ALL

SELECT
    company,
    concat('permission_set:', permission_set_id) AS source,
    concat('app:', app) AS target,
    'part_of' AS kind,
    CAST('{}' AS JSON) AS properties
FROM permission_sets
WHERE app IS NOT NULL

UNION ALL

SELECT DISTINCT
    company,
    concat('permission_set:', permission_set_id) AS source,
    concat('permission:', unnest(grants)) AS target,
    'grants' AS kind,
    CAST('{}' AS JSON) AS properties
FROM permission_sets

UNION ALL

SELECT
    company,
    concat('user:', user_id) AS source,
    concat('permission:', permission) AS target,
    'holds' AS kind,
    to_json({'source': user_permissions.source}) AS properties
FROM user_permissions
WHERE granted

UNION ALL

SELECT
    company,
    concat('role:', role_id) AS source,
    concat('item:', item) AS target,
    'shares' AS kind,
    to_json({'reach': reach, 'value': role_visibility.value}) AS properties
FROM role_visibility

UNION ALL

SELECT
    company,
    concat('role:', role_id) AS source,
    concat('pipeline:', pipeline_id) AS target,
    'sees' AS kind,
    CAST('{}' AS JSON) AS properties
FROM role_pipelines
WHERE visible

UNION ALL

SELECT
    company,
    concat('user:', user_id) AS source,
    concat('team:', team_id) AS target,
    'in_team' AS kind,
    CAST('{}' AS JSON) AS properties
FROM team_members

UNION ALL

SELECT
    company,
    concat('user:', manager_id) AS source,
    concat('team:', team_id) AS target,
    'manages' AS kind,
    CAST('{}' AS JSON) AS properties
FROM teams
WHERE manager_id IS NOT NULL
