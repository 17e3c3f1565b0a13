-- One row per live user: with whom the rule permission_outlier compares the user, or why it
-- abstains. Peers are those who hold nearly the same, of the same role first: a role that is
-- another counts like a permission that is another, or like half of one where it is next to it.
--
-- kind: view
-- key: company, user_id
-- columns:
--   company: the company's name in the settings
--   user_id: the user
--   role_id: the role that counts as the user's: of several the one that the user's own record
--     names, else the lowest; NULL without one, or in the default role
--   kind: which roles more than half of the peers are in: role (the user's own), role tree (roles
--     above, below and beside it), similar (other roles, or none that is known), or mixed where
--     none of these has more than half; NULL without peers
--   peers: how many colleagues hold nearly the same; NULL where nobody was compared
--   abstained: whether the rule has nothing to say of the user
--   reason: why it abstains; NULL where it compares
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
