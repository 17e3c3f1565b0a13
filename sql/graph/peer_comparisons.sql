-- One row per permission that a user holds and few or none of the user's peers do.
-- The rule permission_outlier takes those whose score reaches `rule_thresholds.outlier_score`; what
-- scores below 0 is not here.
--
-- kind: view
-- key: company, user_id, permission
-- columns:
--   company: the company's name in the settings
--   user_id: the user
--   permission: the permission's name
--   score: the logarithm of how much likelier the permission was copied by mistake than that it
--     belongs to the user's job, were both as likely before
--   peers: how many colleagues hold nearly the same, but for this permission
--   holders: how many of them hold it too, or may: what is not known counts as held
--   role_peers: how many of the peers are of the user's role; 0 without one
--   kind: which roles more than half of the peers are in, as in `peer_groups`
--   compared: up to ten of them, the most alike first
-- example: SELECT label, permission, holders, peers FROM peer_comparisons JOIN users
--   USING (company, user_id)
SELECT
    company,
    user_id,
    permission,
    score,
    peers,
    holders,
    role_peers,
    kind,
    compared
FROM history.peer_comparisons
