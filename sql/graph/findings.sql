-- One row per anomaly, kept over time: once found it stays, and is resolved only on proof.
-- Every report is rendered from this table.
--
-- kind: view
-- key: company, finding_id
-- columns:
--   company: the company's name in the settings
--   finding_id: the same every night: it is made of rule, company, subject and object
--   rule: the file in sql/findings that found it
--   severity: critical, high, medium, low or info
--   subject_kind: what it is about: user, role, permission_set or company
--   subject_id: the subject's id
--   object: what of the subject it is about, such as a permission or a role; NULL where that is all
--   title: the finding in one sentence
--   evidence: what a reviewer needs to agree or disagree
--   remedy: what to do about it
--   first_seen: the first snapshot in which it was found
--   last_seen: the latest snapshot in which it was found
--   status: open, waived or resolved
--   resolved_reason: why it is resolved
--   resolved_at: the snapshot that resolved it
SELECT
    company,
    finding_id,
    rule,
    severity,
    subject_kind,
    subject_id,
    object,
    title,
    evidence,
    remedy,
    first_seen,
    last_seen,
    status,
    resolved_reason,
    resolved_at
FROM history.findings
