-- One row per decision made in an access review, including decisions that were replaced later.
--
-- kind: view
-- key: company, review_id, row_id, decided_at
-- columns:
--   company: the company's name in the settings
--   review_id: the review
--   row_id: the row within the review
--   user_id: the user that the decision is about
--   decided_at: when the decision was made
--   decided_by: who decided
--   decision: keep, revoke (all access) or change (a part of it is revoked)
--   role: for a change, whether the roles are kept or revoked; NULL for other decisions
--   permission_sets: for a change, whether the permission sets are kept or revoked; NULL for other
--     decisions
--   sensitive_permissions: for a change, whether the sensitive permissions are kept or revoked;
--     NULL for other decisions
--   admin_rights: for a change, whether the admin rights are kept or revoked; NULL for other
--     decisions
--   comment: the reviewer's comment; NULL if there is none
--   counts: whether it is the latest decision about this row
--   imported_by: who imported the file with the decision
--   snapshot_id: the newest snapshot when the decision was made
--   sha256: digest of the population that the decision is about
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
