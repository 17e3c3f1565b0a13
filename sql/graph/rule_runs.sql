-- One row per rule, as it fared in the latest snapshot.
-- A rule abstains where it has nothing to go by: Pipedrive does not give a list that it rests on,
-- the company has no roster, or, of a rule that finds events, there is no earlier snapshot. What a
-- rule that did not run has found before stays, unless that is over without it, as when its
-- subject is gone.
--
-- kind: view
-- key: company, rule
-- columns:
--   company: the company's name in the settings
--   snapshot_id: the snapshot that was judged
--   rule: the rule
--   outcome: ran, abstained, or broken where it could not be run
--   reason: why it was not run, NULL where it was
--   fired: how often it fired, be the findings waived or not; NULL where it was not run
-- example: SELECT rule, outcome, reason FROM rule_runs WHERE outcome <> 'ran'
SELECT
    company,
    snapshot_id,
    rule,
    outcome,
    reason,
    fired
FROM history.rule_runs
