-- One row per company, rule and version of the rule's file that earlier releases had: the
-- fingerprint that they kept in findings, and the one that takes its place.
-- Theirs was of the whole file, comments included.
--
-- key: company, rule, earlier_sha256
-- columns:
--   company: the company's name in the settings
--   rule: the rule
--   earlier_sha256: the fingerprint of the file and of the settings that the rule goes by
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
