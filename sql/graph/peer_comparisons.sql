-- One row per permission that a user holds and few or none of the user's peers hold.
-- The rule permission_outlier finds rows whose score is at least `rule_thresholds.outlier_score`;
-- scores below 0 are not stored.
--
-- kind: view
-- key: company, user_id, permission
-- columns:
--   company: the company's name in the settings
--   user_id: the user
--   permission: the permission's name
--   score: logarithm of the odds that the permission was copied by mistake rather than needed for
--     the user's job, given even odds before
--   peers: how many colleagues hold nearly the same permissions, apart from this one
--   holders: how many of them hold it, or may hold it: an unknown permission counts as held
--   role_peers: how many of the peers have the user's role; 0 if the user has none
--   kind: which roles more than half of the peers are in, as in `peer_groups`
--   compared: up to ten of the peers, most similar first
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
