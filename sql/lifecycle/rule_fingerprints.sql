-- One row per company and rule: the fingerprint of its query and of the settings that it uses.
-- A finding stores the fingerprint with which it was found. If they differ, the rule has changed,
-- and a finding that disappears may not be fixed.
--
-- key: company, rule
-- columns:
--   company: the company's name in the settings
--   rule: the rule
--   rule_sha256: the fingerprint
SELECT
    batch.company,
    rules.rule,
    concat('query:', sha256(concat(rules.sql_sha256, settings.settings))) AS rule_sha256
FROM run.rules AS rules
CROSS JOIN landing.batch AS batch
LEFT JOIN lifecycle.rule_settings AS settings
    ON batch.company = settings.company AND rules.rule = settings.rule
