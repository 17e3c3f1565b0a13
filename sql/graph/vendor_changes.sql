-- One row per permission of a user that Pipedrive itself changed in one snapshot, for all users.
-- Such a change affects users of every permission set and every role alike, while no set, role or
-- assignment changed. A held-back value counts as it was before until the next snapshot; if that
-- gives the same answer, the change is accepted.
--
-- kind: view
-- key: company, snapshot_id, user_id, permission
-- columns:
--   company: the company's name in the settings
--   snapshot_id: the snapshot in which it was first answered
--   changed_at: when that snapshot was started
--   user_id: the user
--   permission: the permission's name
--   change: granted or revoked, as answered; or removed: no answer names it any more, in several
--     full snapshots, and no permission set lists it
--   held: whether the answer was held back in that snapshot; a granted sensitive permission never
--     is
-- example: SELECT snapshot_id, permission, change, count(*) AS users FROM vendor_changes WHERE held
--   GROUP BY ALL ORDER BY ALL
SELECT
    company,
    snapshot_id,
    snapshots.started_at AS changed_at,
    changes.user_id,
    changes.permission,
    changes.change,
    changes.held
FROM history.vendor_changes AS changes
INNER JOIN snapshots USING (company, snapshot_id)
