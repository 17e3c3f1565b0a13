-- One row per rule: its outcome in the latest snapshot.
-- A rule abstains if it lacks data: Pipedrive does not give a list that it needs, the company has
-- no roster, or, for a rule about events, it is the company's first snapshot. Earlier findings of a
-- rule that did not run stay, unless they are resolved for another reason, such as that the subject
-- is gone.
--
-- kind: view
-- key: company, rule
-- columns:
--   company: the company's name in the settings
--   snapshot_id: the snapshot in which the rules were run
--   rule: the rule
--   outcome: ran, abstained, or broken if it could not be run
--   reason: why it was not run; NULL if it was run
--   fired: how many findings it has, waived or not; NULL if it was not run
-- example: SELECT rule, outcome, reason FROM rule_runs WHERE outcome <> 'ran'
SELECT
    company,
    snapshot_id,
    rule,
    outcome,
    reason,
    fired
FROM history.rule_runs
