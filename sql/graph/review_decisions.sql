-- One row per decision that was ever taken in an access review, one that another replaced too.
--
-- kind: view
-- key: company, review_id, row_id, decided_at
-- columns:
--   company: the company's name in the settings
--   review_id: the review
--   row_id: the row within the review
--   user_id: the user about whom it was decided
--   decided_at: when the decision was taken
--   decided_by: who decided
--   decision: keep, revoke (all access) or change (a part of it is revoked)
--   role: of a change, whether the roles are kept or revoked; NULL where it is no change
--   permission_sets: the same of the permission sets; NULL where it is no change
--   sensitive_permissions: the same of the sensitive permissions; NULL where it is no change
--   admin_rights: the same of the admin rights; NULL where it is no change
--   comment: what the one who decided says to it; NULL is nothing
--   counts: whether it is the latest decision about this row
--   imported_by: who took the file in which it stood
--   snapshot_id: the newest snapshot when it was taken
--   sha256: digest of the population about which it was taken
-- example: SELECT user_id, decision, decided_by, decided_at FROM review_decisions WHERE counts
SELECT
    decisions.company,
    decisions.review_id,
    decisions.row_id,
    items.user_id,
    decisions.decided_at,
    decisions.decided_by,
    decisions.decision,
    decisions.role,
    decisions.permission_sets,
    decisions.sensitive_permissions,
    decisions.admin_rights,
    decisions.comment,
    row_number() OVER (
        PARTITION BY decisions.company, decisions.review_id, decisions.row_id
        ORDER BY decisions.decided_at DESC
    ) = 1 AS counts,
    decisions.imported_by,
    decisions.snapshot_id,
    decisions.sha256
FROM history.review_decisions AS decisions
INNER JOIN history.review_items AS items
    ON items.company = decisions.company
    AND items.review_id = decisions.review_id
    AND items.row_id = decisions.row_id
