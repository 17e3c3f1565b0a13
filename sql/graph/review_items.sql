-- One row per user of a review's population, as frozen, with the decision that counts.
-- What a column says is what was known in the review's snapshot; what is now, the other tables say.
--
-- kind: view
-- key: company, review_id, row_id
-- columns:
--   company: the company's name in the settings
--   review_id: the review
--   row_id: the row within the review
--   user_id: the user
--   name: the name then
--   email: the e-mail address then
--   owner: who is to decide; NULL where there was nobody
--   live: active and not deleted then; NULL is not known
--   roles: the roles of active assignments, observed or inferred; NULL is not known
--   permission_sets: the permission sets, each with its app; NULL is not known
--   admin: admin of any app; NULL is not known
--   admin_apps: the apps of which the user was an admin
--   sensitive_permissions: the sensitive permissions held, observed or inferred, and, without a
--     source, those of which it was not known; NULL where that was known of none
--   last_login: the latest login; NULL for one who never logged in, where login_known
--   login_known: whether it was known when the latest login was, be it "never"
--   findings: the findings about the user, open or waived
--   recommendation: revoke, look closer, unknown or keep
--   reason: why that is recommended
--   sha256: digest of the row as it was shown
--   decision: keep, revoke or change; NULL is still open
--   role_part: of a change, whether the roles are kept or revoked; NULL where it is no change
--   permission_sets_part: of a change, whether the permission sets are kept or revoked; NULL
--     where it is no change
--   sensitive_part: of a change, whether the sensitive permissions are kept or revoked; NULL
--     where it is no change
--   admin_part: of a change, whether the admin rights are kept or revoked; NULL where it is no
--     change
--   comment: what the one who decided says to it; NULL is nothing
--   decided_by: who decided; NULL is nobody yet
--   decided_at: when the decision was taken; NULL is not yet
-- example: SELECT name, email, recommendation, reason FROM review_items WHERE decision IS NULL
SELECT
    items.company,
    items.review_id,
    items.row_id,
    items.user_id,
    items.name,
    items.email,
    items.owner,
    items.live,
    items.roles,
    items.permission_sets,
    items.admin,
    items.admin_apps,
    items.sensitive_permissions,
    items.last_login,
    items.login_known,
    items.findings,
    items.recommendation,
    items.reason,
    items.sha256,
    decisions.decision,
    decisions.role AS role_part,
    decisions.permission_sets AS permission_sets_part,
    decisions.sensitive_permissions AS sensitive_part,
    decisions.admin_rights AS admin_part,
    decisions.comment,
    decisions.decided_by,
    decisions.decided_at
FROM history.review_items AS items
LEFT JOIN review_decisions AS decisions
    ON decisions.company = items.company
    AND decisions.review_id = items.review_id
    AND decisions.row_id = items.row_id
    AND decisions.counts
