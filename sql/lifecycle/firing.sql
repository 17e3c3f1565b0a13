-- One row per finding that a rule has in this snapshot, with its id.
-- The id of a state is the same in every snapshot; an event belongs to one snapshot.
--
-- key: company, finding_id
-- writes: history.findings
-- columns:
--   finding_id: a digest of rule, company, subject and object, and for an event of the snapshot
--   company: the company's name in the settings
--   rule: the rule that found it
--   severity: critical, high, medium, low or info
--   subject_kind: user, role, permission_set, pipeline, team or company
--   subject_id: the subject's id
--   object: the part of the subject that the finding is about; NULL if it is about the whole
--     subject
--   snapshot_id: the snapshot in which the event happened; NULL for a state
--   title: the finding in one sentence
--   evidence: what a reviewer needs to agree or disagree
--   remedy: what to do about it
--   rule_sha256: the fingerprint of the rule
--   as_of: the time of the snapshot
SELECT
    substr(
        sha256(
            CAST(
                if(
                    found.snapshot_id IS NULL,
                    to_json(
                        [
                            found.rule,
                            found.company,
                            found.subject_kind,
                            found.subject_id,
                            found.object
                        ]
                    ),
                    to_json(
                        [
                            found.rule,
                            found.company,
                            found.subject_kind,
                            found.subject_id,
                            found.object,
                            found.snapshot_id
                        ]
                    )
                ) AS VARCHAR
            )
        ),
        1,
        16
    ) AS finding_id,
    found.company,
    found.rule,
    found.severity,
    found.subject_kind,
    found.subject_id,
    found.object,
    found.snapshot_id,
    found.title,
    found.evidence,
    found.remedy,
    fingerprints.rule_sha256,
    batch.as_of
FROM run.found AS found
INNER JOIN landing.batch AS batch ON found.company = batch.company
INNER JOIN lifecycle.rule_fingerprints AS fingerprints
    ON found.company = fingerprints.company AND found.rule = fingerprints.rule
