-- One row per e-mail domain that counts as the company's own: see `email_domains`.
-- These are the domains that findings.toml names; if it names none, domains with many live users,
-- except public providers.
--
-- kind: table
-- key: company, domain
-- columns:
--   company: the company's name in the settings
--   domain: the domain, in lower case
--   users: how many live users have an address there
--   named: whether findings.toml names it; otherwise it is proposed for its number of users
-- example: SELECT domain FROM own_email_domains ORDER BY ALL
SELECT
    company,
    domain,
    users,
    named
FROM email_domains
WHERE own
