-- One row per company and rule that uses settings of findings.toml: these settings as a text.
-- Two texts are equal if no threshold, permission, domain or combination that the rule uses
-- differs. The roster is about people, so a change in it does not change a rule.
--
-- key: company, rule
-- columns:
--   company: the company's name in the settings
--   rule: the rule
--   settings: the settings that the rule uses
WITH listed AS (
    SELECT
        entries.company,
        'sensitive_permissions' AS name,
        CAST(to_json(entries) AS VARCHAR) AS entry
    FROM policy.sensitive_permissions AS entries
    UNION ALL
    SELECT
        entries.company,
        'email_domains' AS name,
        CAST(to_json(entries) AS VARCHAR) AS entry
    FROM policy.email_domains AS entries
    UNION ALL
    SELECT
        entries.company,
        'public_domains' AS name,
        CAST(to_json(entries) AS VARCHAR) AS entry
    FROM policy.public_domains AS entries
    UNION ALL
    SELECT
        entries.company,
        'allowed_permissions' AS name,
        CAST(to_json(entries) AS VARCHAR) AS entry
    FROM policy.allowed_permissions AS entries
    UNION ALL
    SELECT
        entries.company,
        'mailbox_names' AS name,
        CAST(to_json(entries) AS VARCHAR) AS entry
    FROM policy.mailbox_names AS entries
    UNION ALL
    SELECT
        entries.company,
        'combinations' AS name,
        CAST(to_json(entries) AS VARCHAR) AS entry
    FROM policy.combinations AS entries
),

-- tables that all companies share
shared AS (
    SELECT
        'public_email_domains' AS name,
        sha256(string_agg(entry, chr(10) ORDER BY entry)) AS value
    FROM (
        SELECT CAST(to_json(entries) AS VARCHAR) AS entry
        FROM policy.public_email_domains AS entries
    )
    UNION ALL
    SELECT
        'collected_companies' AS name,
        sha256(string_agg(entry, chr(10) ORDER BY entry)) AS value
    FROM (
        SELECT CAST(to_json(entries) AS VARCHAR) AS entry
        FROM policy.collected_companies AS entries
    )
),

settings AS (
    SELECT
        company,
        name,
        CAST(value AS VARCHAR) AS value
    FROM policy.thresholds
    SEMI JOIN landing.batch USING (company)
    UNION ALL
    SELECT
        company,
        name,
        sha256(string_agg(entry, chr(10) ORDER BY entry)) AS value
    FROM listed
    SEMI JOIN landing.batch USING (company)
    GROUP BY company, name
    UNION ALL
    SELECT
        batch.company,
        shared.name,
        shared.value
    FROM shared
    CROSS JOIN landing.batch AS batch
)

SELECT
    company,
    rule,
    string_agg(concat(name, '=', value), chr(10) ORDER BY name) AS settings
FROM settings
INNER JOIN run.rule_policies USING (name)
GROUP BY company, rule
