-- One row per e-mail domain of a company: domains of live users' addresses, and domains that
-- findings.toml names as the company's own.
-- If the file names none, own domains are proposed: domains with at least as many live users as
-- `rule_thresholds` requires, except public providers. A subdomain is a separate domain.
--
-- kind: table
-- key: company, domain
-- columns:
--   company: the company's name in the settings
--   domain: the domain, in lower case
--   users: how many live users have an address there
--   share: their share of all live users (including users without an address), 0 to 1
--   public: whether anybody can get an address there, according to `public_list` or findings.toml
--   named: whether findings.toml names it as the company's own
--   own: whether it counts as the company's own: named, or proposed if the file names none
--   public_list: the list of public providers: package, version, and the date given in the list
-- example: SELECT domain, users, public, own FROM email_domains ORDER BY users DESC, domain
WITH addresses AS (
    SELECT
        company,
        emails.domain
    FROM users
    LEFT JOIN user_addresses AS emails USING (company, user_id)
    WHERE live
),

domain_counts AS (
    SELECT
        company,
        domain,
        count(*) AS users,
        count(*) / sum(count(*)) OVER (PARTITION BY company) AS share
    FROM addresses
    GROUP BY company, domain
),

domains AS (
    SELECT
        company,
        domain,
        coalesce(domain_counts.users, 0) AS users,
        coalesce(domain_counts.share, 0) AS share,
        named.domain IS NOT NULL AS named
    FROM domain_counts
    FULL JOIN policy.email_domains AS named USING (company, domain)
    WHERE domain <> ''
),

public_domains AS (
    SELECT
        company,
        domain
    FROM policy.public_domains

    UNION

    SELECT
        company,
        domain
    FROM domains
    SEMI JOIN policy.public_email_domains USING (domain)
),

naming_companies AS (
    SELECT DISTINCT company
    FROM policy.email_domains
)

SELECT
    company,
    domain,
    domains.users,
    domains.share,
    public_domains.domain IS NOT NULL AS public,
    domains.named,
    CASE
        WHEN naming_companies.company IS NOT NULL THEN domains.named
        ELSE public_domains.domain IS NULL
            AND domains.users >= rule_thresholds.email_domain_users_count
            AND domains.share >= rule_thresholds.email_domain_users_share
    END AS own,
    (SELECT any_value(source) FROM policy.public_email_domains) AS public_list
FROM domains
INNER JOIN rule_thresholds USING (company)
LEFT JOIN public_domains USING (company, domain)
LEFT JOIN naming_companies USING (company)
