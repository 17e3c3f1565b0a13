-- One row per open or waived finding about access that was revoked in a review, if a later decision
-- in the same review no longer revokes this access.
-- A decision to revoke all access does not end such a finding.
--
-- key: company, finding_id
-- writes: history.findings
-- columns:
--   company: the company's name in the settings
--   finding_id: the finding
--   resolved_at: the time of the later decision
--   note: who decided what, and in which review
SELECT
    findings.company,
    findings.finding_id,
    decisions.decided_at AS resolved_at,
    concat(
        decisions.decision, ' by ', decisions.decided_by, ' in "', reviews.name, '".'
    ) AS note
FROM run.later_decisions AS later
INNER JOIN history.review_decisions AS decisions
    ON
        later.company = decisions.company
        AND later.review_id = decisions.review_id
        AND later.decided_at = decisions.decided_at
INNER JOIN history.review_items AS items
    ON
        decisions.company = items.company
        AND decisions.review_id = items.review_id
        AND decisions.row_id = items.row_id
INNER JOIN history.reviews AS reviews
    ON decisions.company = reviews.company AND decisions.review_id = reviews.review_id
INNER JOIN history.findings AS findings
    ON
        items.company = findings.company
        AND CAST(items.user_id AS VARCHAR) = findings.subject_id
WHERE findings.rule = 'revoked_access_still_present'
    AND findings.status <> 'resolved'
    AND findings.subject_kind = 'user'
    AND decisions.decision <> 'revoke'
    AND CASE json_extract_string(findings.evidence, '$.kind')
        WHEN 'account' THEN TRUE
        WHEN 'role' THEN decisions.role IS DISTINCT FROM 'revoke'
        WHEN 'permission_set' THEN decisions.permission_sets IS DISTINCT FROM 'revoke'
        WHEN 'admin' THEN decisions.admin_rights IS DISTINCT FROM 'revoke'
        ELSE decisions.sensitive_permissions IS DISTINCT FROM 'revoke'
    END
