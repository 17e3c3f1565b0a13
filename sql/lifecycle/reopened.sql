-- One row per finding that is open because a waiver no longer covers it.
--
-- key: company, finding_id
-- writes: history.findings
-- columns:
--   company: the company's name in the settings
--   finding_id: the finding
--   was_waived: whether it was waived until now
--   at: when it is reopened
--   spent_at: waivers read up to this time no longer cover it; NULL if the evidence has not grown
--   note: why it is reopened
SELECT
    findings.company,
    findings.finding_id,
    findings.status = 'waived' AS was_waived,
    moments.at,
    if(drift.finding_id IS NULL, NULL, in_force.read_at) AS spent_at,
    CASE
        WHEN drift.finding_id IS NOT NULL
            THEN concat(
                'The waiver of ', in_force.owner, ' no longer covers it: ', drift.sentence, '.'
            )
        WHEN findings.waiver_expires < CAST(moments.at AS DATE)
            THEN concat(
                'The waiver of ',
                findings.waiver_owner,
                ' (',
                findings.waiver_reason,
                ') expired on ',
                strftime(findings.waiver_expires, '%Y-%m-%d'),
                '.'
            )
        ELSE
            concat(
                'The waiver of ',
                findings.waiver_owner,
                ' (',
                findings.waiver_reason,
                ') was removed.'
            )
    END AS note
FROM history.findings AS findings
INNER JOIN run.moments AS moments ON findings.company = moments.company
LEFT JOIN lifecycle.waivers_in_force AS in_force
    ON findings.company = in_force.company AND findings.finding_id = in_force.finding_id
LEFT JOIN lifecycle.waiver_drift AS drift
    ON findings.company = drift.company AND findings.finding_id = drift.finding_id
WHERE
    findings.status <> 'resolved'
    AND (
        drift.finding_id IS NOT NULL
        OR (findings.status = 'waived' AND in_force.company IS NULL)
    )
