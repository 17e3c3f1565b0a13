-- One row per finding, kept over time: it stays after it was found, and is resolved only on proof.
-- All reports are made from this table.
--
-- kind: view
-- key: company, finding_id
-- columns:
--   company: the company's name in the settings
--   finding_id: the same in every snapshot: a digest of rule, company, subject and object, and for
--     an event of the snapshot
--   rule: the file in sql/findings that found it
--   severity: critical, high, medium, low or info
--   subject_kind: the kind of the subject: user, role, permission_set, pipeline, team or company
--   subject_id: the subject's id
--   object: the part of the subject that the finding is about, such as a permission or a role; NULL
--     if it is about the whole subject
--   snapshot_id: the snapshot in which the event happened; NULL for a state
--   title: the finding in one sentence
--   evidence: what a reviewer needs to agree or disagree; `related` lists the other findings, open
--     or waived, about the same user and the same object
--   remedy: what to do about it
--   first_seen: the first snapshot in which it was found
--   last_seen: the latest snapshot in which it was found
--   opened_at: when it last became open
--   reopened: how often it was reopened, after it was resolved or while it was waived
--   status: open, waived or resolved
--   resolved_reason: why it is resolved: fixed, subject gone, rule changed (or its settings),
--     acknowledged, decided anew (in a review), or closed after so many days; NULL if it is not
--     resolved
--   resolved_at: the snapshot that resolved it, or when it was acknowledged; NULL if it is not
--     resolved
--   acknowledged_at: when somebody acknowledged the event; NULL if nobody did
--   note: why it was reopened, who waived it and why, or who acknowledged it; NULL if there is
--     nothing to note
--   waiver_reason: why it is waived; NULL if it is not waived
--   waiver_owner: the person responsible for the waiver; NULL if it is not waived
--   waiver_expires: the last day of the waiver; NULL if it is not waived
-- example: SELECT severity, rule, count(*) AS open FROM findings WHERE status = 'open' GROUP
--   BY ALL ORDER BY open DESC
WITH mentions AS (
    SELECT
        company,
        subject_id,
        object,
        finding_id,
        FALSE AS toxic,
        CAST(to_json({'rule': rule, 'finding_id': finding_id}) AS VARCHAR) AS mention
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
        CAST(to_json({'rule': rule, 'finding_id': finding_id}) AS VARCHAR) AS mention
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
        list(mention) AS found
    FROM mentions
    GROUP BY company, subject_id, object
    HAVING count(*) > 1
),

-- only findings about several permissions need their lists combined
relations AS (
    SELECT
        company,
        mentions.finding_id,
        list_filter(things.found, lambda other: other <> mentions.mention) AS related
    FROM mentions
    INNER JOIN things USING (company, subject_id, object)
    WHERE NOT mentions.toxic
    UNION ALL
    SELECT
        company,
        mentions.finding_id,
        list_filter(
            list_distinct(flatten(list(things.found))),
            lambda other: other <> any_value(mentions.mention)
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
