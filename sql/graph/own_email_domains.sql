-- One row per e-mail domain that counts as the company's own: see `email_domains`.
-- They are those that findings.toml names; where it names none, those of many live users, public
-- providers excepted.
--
-- kind: table
-- key: company, domain
-- columns:
--   company: the company's name in the settings
--   domain: the domain, in lower case
--   users: how many live users have an address there
--   named: whether findings.toml names it; else it is proposed for its number of users
-- example: SELECT domain FROM own_email_domains ORDER BY ALL
SELECT
    company,
    domain,
    users,
    named
FROM email_domains
WHERE own
