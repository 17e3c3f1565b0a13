-- One row per user in a review's population, as frozen, with the decision in force.
-- Columns show the state in the review's snapshot; other tables show the present state.
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
--   owner: the reviewer who has to decide; NULL if there was none
--   live: active and not deleted then; NULL means not known
--   roles: the roles of active assignments, observed or inferred; NULL means not known
--   permission_sets: the permission sets, each with its app; NULL means not known
--   admin: admin of any app; NULL means not known
--   admin_apps: the apps in which the user was an admin
--   sensitive_permissions: the sensitive permissions held, observed or inferred, and, without a
--     source, those that were not known; NULL if none was known
--   last_login: the latest login; NULL if the user never logged in, provided that login_known is
--     true
--   login_known: whether the time of the latest login was known, including "never"
--   findings: the findings about the user, open or waived
--   recommendation: revoke, look closer, unknown or keep
--   reason: why that is recommended
--   sha256: digest of the row as it was shown
--   decision: keep, revoke or change; NULL means still undecided
--   role_part: for a change, whether the roles are kept or revoked; NULL for other decisions
--   permission_sets_part: for a change, whether the permission sets are kept or revoked; NULL for
--     other decisions
--   sensitive_part: for a change, whether the sensitive permissions are kept or revoked; NULL for
--     other decisions
--   admin_part: for a change, whether the admin rights are kept or revoked; NULL for other
--     decisions
--   comment: the reviewer's comment; NULL if there is none
--   decided_by: who decided; NULL if nobody did
--   decided_at: when the decision was made; NULL if there is none
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
