-- One row per live user: the peers that the rule permission_outlier compares with the user, or why
-- it abstains.
-- Peers are users who hold nearly the same, with the same role first: a different role counts as
-- much as one different permission, or half as much if the roles are next to each other.
--
-- kind: view
-- key: company, user_id
-- columns:
--   company: the company's name in the settings
--   user_id: the user
--   role_id: the role used for the comparison: of several roles the one in the user's own record,
--     otherwise the lowest id; NULL if there is none, or only the default role
--   kind: which roles more than half of the peers have: role (the user's own), role tree (roles
--     above, below and beside it), similar (other or unknown roles), or mixed if none of these has
--     more than half; NULL without peers
--   peers: how many colleagues hold nearly the same; NULL if nobody was compared
--   abstained: whether the rule abstains for the user
--   reason: why it abstains; NULL if it compares
-- example: SELECT kind, reason, count(*) AS users FROM peer_groups GROUP BY ALL ORDER BY users
--   DESC
SELECT
    company,
    user_id,
    role_id,
    kind,
    peers,
    reason IS NOT NULL AS abstained,
    reason
FROM history.peer_groups
