-- One row per live user of the batch: the group of peers that the user was compared with.
--
-- key: company, user_id
-- writes: history.peer_groups
-- columns:
--   company: the company's name in the settings
--   user_id: the user
--   role_id: the role used for the comparison; NULL means none
--   kind: which roles more than half of the peers have: role, role tree, similar or mixed; NULL
--     without a group
--   peers: how many peers the group has
--   reason: why the user has no group; NULL for a user with a group
SELECT
    people.company,
    people.user_id,
    nullif(people.role_id, -1) AS role_id,
    if(groups.peers > 0, kinds.name, NULL) AS kind,
    groups.peers,
    coalesce(people.reason, reasons.name) AS reason
FROM peers.compared_users AS people
LEFT JOIN run.compared_groups AS groups ON people.profile = groups.profile
LEFT JOIN run.peer_names AS kinds ON kinds.about = 'kind' AND groups.kind = kinds.number
LEFT JOIN run.peer_names AS reasons ON reasons.about = 'reason' AND groups.reason = reasons.number
ORDER BY people.company, people.user_id
