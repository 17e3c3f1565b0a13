-- One row per permission of a user of the batch that is unusual among the user's peers.
--
-- key: company, user_id, permission
-- writes: history.peer_comparisons
-- columns:
--   company: the company's name in the settings
--   user_id: the user
--   permission: the permission's name
--   score: how unusual it is that the user holds it
--   peers: how many colleagues were compared
--   holders: how many of them hold it
--   role_peers: how many of them have the same role
--   kind: which roles more than half of them have: role, role tree, similar or mixed
--   compared: up to 10 of these colleagues, most similar first
WITH members AS (
    SELECT
        profile,
        user_id,
        row_number() OVER (PARTITION BY profile ORDER BY user_id) AS place
    FROM peers.compared_users
    WHERE profile IN (SELECT other FROM run.compared_with)
    QUALIFY place <= 11  -- one of them may be the user
),

nearest AS (
    SELECT
        pairs.profile,
        pairs.code,
        list(members.user_id ORDER BY pairs.rank, members.place) AS users
    FROM run.compared_with AS pairs
    INNER JOIN members ON pairs.other = members.profile
    GROUP BY pairs.profile, pairs.code
)

SELECT
    people.company,
    people.user_id,
    permissions.permission,
    grants.score,
    grants.peers,
    grants.holders,
    grants.role_peers,
    kinds.name AS kind,
    list_filter(nearest.users, lambda other: other <> people.user_id)[:10] AS compared
FROM run.compared_grants AS grants
INNER JOIN peers.compared_users AS people ON grants.profile = people.profile
INNER JOIN peers.compared_permissions AS permissions ON grants.code = permissions.code
INNER JOIN nearest ON grants.profile = nearest.profile AND grants.code = nearest.code
LEFT JOIN run.peer_names AS kinds ON kinds.about = 'kind' AND grants.kind = kinds.number
ORDER BY people.company, people.user_id, permissions.permission
