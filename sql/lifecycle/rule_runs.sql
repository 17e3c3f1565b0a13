-- One row per company of the batch and rule: the outcome of the rule.
--
-- key: company, rule
-- writes: history.rule_runs
-- columns:
--   company: the company's name in the settings
--   snapshot_id: the snapshot in which the rules were run
--   rule: the rule
--   outcome: ran, abstained, or broken if it could not be run
--   reason: why it was not run; NULL if it was run
--   fired: how many findings it has in this snapshot, waived or not; NULL if it was not run
WITH known AS (
    SELECT
        rule,
        CAST(NULL AS VARCHAR) AS problem
    FROM run.rules
    UNION ALL
    SELECT
        rule,
        reason AS problem
    FROM run.broken_rules
),

fired AS (
    SELECT
        company,
        rule,
        count(*) AS findings
    FROM lifecycle.firing
    GROUP BY company, rule
)

SELECT
    batch.company,
    batch.snapshot_id,
    known.rule,
    CASE
        WHEN known.problem IS NOT NULL THEN 'broken'
        WHEN abstentions.rule IS NOT NULL THEN 'abstained'
        ELSE 'ran'
    END AS outcome,
    coalesce(known.problem, abstentions.reason) AS reason,
    CASE
        WHEN known.problem IS NULL AND abstentions.rule IS NULL THEN coalesce(fired.findings, 0)
    END AS fired
FROM landing.batch AS batch
CROSS JOIN known
LEFT JOIN lifecycle.abstentions AS abstentions
    ON batch.company = abstentions.company AND known.rule = abstentions.rule
LEFT JOIN fired ON batch.company = fired.company AND known.rule = fired.rule
