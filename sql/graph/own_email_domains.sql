-- One row per e-mail domain whose users are no strangers to the company.
-- They are those that findings.toml names; where it names none, those of many live users.
--
-- kind: table
-- key: company, domain
-- columns:
--   company: the company's name in the settings
--   domain: the domain, in lower case
--   users: how many live users have an address there
-- example: SELECT domain FROM own_email_domains ORDER BY ALL
WITH addresses AS (
    SELECT
        company,
        emails.domain
    FROM users
    LEFT JOIN user_addresses AS emails USING (company, user_id)
    WHERE live
),

domains AS (
    SELECT
        company,
        domain,
        count(*) AS users,
        -- a share of all is one of those without an address too
        sum(count(*)) OVER (PARTITION BY company) AS all_users
    FROM addresses
    GROUP BY company, domain
)

SELECT
    named.company,
    named.domain,
    coalesce(domains.users, 0) AS users
FROM policy.email_domains AS named
LEFT JOIN domains USING (company, domain)

UNION ALL

SELECT
    company,
    domains.domain,
    domains.users
FROM domains
INNER JOIN rule_thresholds USING (company)
ANTI JOIN policy.email_domains AS named USING (company)
WHERE domains.domain <> ''
    AND domains.users >= rule_thresholds.email_domain_users_count
    AND domains.users >= rule_thresholds.email_domain_users_share * domains.all_users
