-- One row per company, rule and version of the rule's file in earlier releases: the fingerprint
-- that these releases stored in findings, and its replacement.
-- The earlier fingerprints covered the whole file, including comments.
--
-- key: company, rule, earlier_sha256
-- writes: history.findings
-- columns:
--   company: the company's name in the settings
--   rule: the rule
--   earlier_sha256: the fingerprint of the file and of the settings that the rule uses
--   rule_sha256: the fingerprint of the file's query and of the same settings
SELECT
    batch.company,
    earlier.rule,
    sha256(concat(earlier.file_sha256, settings.settings)) AS earlier_sha256,
    concat('query:', sha256(concat(earlier.sql_sha256, settings.settings))) AS rule_sha256
FROM run.earlier_rules AS earlier
CROSS JOIN landing.batch AS batch
LEFT JOIN lifecycle.rule_settings AS settings
    ON batch.company = settings.company AND earlier.rule = settings.rule
