-- One row per anomaly, kept over time: once found it stays, and is resolved only on proof.
-- Every report is rendered from this table.
--
-- kind: view
-- key: company, finding_id
-- columns:
--   company: the company's name in the settings
--   finding_id: the same every night: it is made of rule, company, subject and object, and of the
--     snapshot if it is an event
--   rule: the file in sql/findings that found it
--   severity: critical, high, medium, low or info
--   subject_kind: what it is about: user, role, permission_set or company
--   subject_id: the subject's id
--   object: what of the subject it is about, such as a permission or a role; NULL where that is all
--   snapshot_id: the snapshot in which it happened, if it is an event; NULL for how things are
--   title: the finding in one sentence
--   evidence: what a reviewer needs to agree or disagree; `related` names the other findings, open
--     or waived, about the same user and the same object
--   remedy: what to do about it
--   first_seen: the first snapshot in which it was found
--   last_seen: the latest snapshot in which it was found
--   opened_at: when it last became open
--   reopened: how often it came back, after it was resolved or while it was waived
--   status: open, waived or resolved
--   resolved_reason: why it is resolved: fixed, subject gone, rule changed (what the rule goes by
--     included), acknowledged, decided anew in a review, or closed after so many days; NULL is not
--     resolved
--   resolved_at: the snapshot that resolved it, or when it was acknowledged; NULL is not resolved
--   acknowledged_at: when somebody acknowledged it, if it is an event; NULL is not acknowledged
--   note: why it is open again, who waived it and why, or who acknowledged it; NULL where nothing
--     is to be said
--   waiver_reason: why it is waived; NULL is not waived
--   waiver_owner: who answers for the waiver; NULL is not waived
--   waiver_expires: the last day on which the waiver holds; NULL is not waived
-- example: SELECT severity, rule, count(*) AS open FROM findings WHERE status = 'open' GROUP
--   BY ALL ORDER BY open DESC
WITH mentions AS (
    SELECT
        company,
        subject_id,
        object,
        finding_id,
        FALSE AS toxic,
        CAST(to_json({'rule': rule, 'finding_id': finding_id}) AS VARCHAR) AS told
    FROM history.findings
    WHERE subject_kind = 'user'
        AND status <> 'resolved'
        AND object IS NOT NULL
        AND NOT starts_with(rule, 'toxic_')
    UNION ALL
    SELECT DISTINCT
        company,
        subject_id,
        unnest(json_extract_string(evidence, '$.permissions[*]')) AS object,
        finding_id,
        TRUE AS toxic,
        CAST(to_json({'rule': rule, 'finding_id': finding_id}) AS VARCHAR) AS told
    FROM history.findings
    WHERE subject_kind = 'user'
        AND status <> 'resolved'
        AND starts_with(rule, 'toxic_')
),

things AS (
    SELECT
        company,
        subject_id,
        object,
        list(told) AS found
    FROM mentions
    GROUP BY company, subject_id, object
    HAVING count(*) > 1
),

-- only what is about several permissions has lists to be put together
relations AS (
    SELECT
        company,
        mentions.finding_id,
        list_filter(things.found, lambda other: other <> mentions.told) AS related
    FROM mentions
    INNER JOIN things USING (company, subject_id, object)
    WHERE NOT mentions.toxic
    UNION ALL
    SELECT
        company,
        mentions.finding_id,
        list_filter(
            list_distinct(flatten(list(things.found))),
            lambda other: other <> any_value(mentions.told)
        ) AS related
    FROM mentions
    INNER JOIN things USING (company, subject_id, object)
    WHERE mentions.toxic
    GROUP BY company, mentions.finding_id
)

SELECT
    company,
    finding_id,
    findings.rule,
    findings.severity,
    findings.subject_kind,
    findings.subject_id,
    findings.object,
    findings.snapshot_id,
    findings.title,
    CASE
        WHEN relations.related IS NULL OR json_type(findings.evidence) <> 'OBJECT'
        THEN findings.evidence
        ELSE json_merge_patch(
            findings.evidence,
            concat('{"related":[', array_to_string(list_sort(relations.related), ','), ']}')
        )
    END AS evidence,
    findings.remedy,
    findings.first_seen,
    findings.last_seen,
    findings.opened_at,
    findings.reopened,
    findings.status,
    findings.resolved_reason,
    findings.resolved_at,
    findings.acknowledged_at,
    findings.note,
    findings.waiver_reason,
    findings.waiver_owner,
    findings.waiver_expires
FROM history.findings AS findings
LEFT JOIN relations USING (company, finding_id)
