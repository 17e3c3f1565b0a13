-- One row per known finding that is found again: its updated row in history.findings.
-- It is reopened if it was resolved but not acknowledged.
--
-- key: company, finding_id
-- writes: history.findings
-- columns:
--   company: the company's name in the settings
--   finding_id: the finding
--   rule: the rule that found it
--   severity: its severity in this snapshot
--   subject_kind: user, role, permission_set, pipeline, team or company
--   subject_id: the subject's id
--   object: the part of the subject that the finding is about; NULL if it is about the whole
--     subject
--   snapshot_id: the snapshot in which the event happened; NULL for a state
--   title: its title in this snapshot
--   evidence: its evidence in this snapshot
--   remedy: its remedy in this snapshot
--   first_seen: the first snapshot in which it was found
--   last_seen: this snapshot
--   status: open, waived or resolved
--   resolved_reason: why it is resolved; NULL if it is not resolved
--   resolved_at: when it was resolved; NULL if it is not resolved
--   opened_at: when it last became open
--   reopened: how often it was reopened
--   note: why it was reopened, who waived it and why, or who acknowledged it
--   acknowledged_at: when the event was acknowledged
--   waiver_reason: why it is waived
--   waiver_owner: the person responsible for the waiver
--   waiver_expires: the last day of the waiver
--   waiver_read_at: when the waiver that last covered it was first read
--   waived_severity: its severity when it was waived
--   waived_evidence: its evidence when it was waived
--   waivers_spent_at: waivers read up to this time no longer cover it
--   rule_sha256: the fingerprint of the rule in this snapshot
WITH seen AS (
    SELECT
        findings.*,
        firing.severity AS severity_now,
        firing.title AS title_now,
        firing.evidence AS evidence_now,
        firing.remedy AS remedy_now,
        firing.as_of,
        firing.rule_sha256 AS sha256_now,
        findings.status = 'resolved' AND findings.acknowledged_at IS NULL AS returns
    FROM history.findings AS findings
    INNER JOIN lifecycle.firing AS firing ON findings.finding_id = firing.finding_id
)

SELECT
    company,
    finding_id,
    rule,
    severity_now AS severity,
    subject_kind,
    subject_id,
    object,
    snapshot_id,
    title_now AS title,
    evidence_now AS evidence,
    remedy_now AS remedy,
    first_seen,
    as_of AS last_seen,
    if(returns, 'open', status) AS status,
    if(returns, NULL, resolved_reason) AS resolved_reason,
    if(returns, NULL, resolved_at) AS resolved_at,
    if(returns, as_of, opened_at) AS opened_at,
    if(returns, reopened + 1, reopened) AS reopened,
    if(
        returns,
        concat(
            'Came back; it was resolved on ',
            strftime(resolved_at, '%Y-%m-%d'),
            ' (',
            resolved_reason,
            ').'
        ),
        note
    ) AS note,
    acknowledged_at,
    waiver_reason,
    waiver_owner,
    waiver_expires,
    waiver_read_at,
    waived_severity,
    waived_evidence,
    waivers_spent_at,
    sha256_now AS rule_sha256
FROM seen
