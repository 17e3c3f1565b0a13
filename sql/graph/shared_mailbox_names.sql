-- One row per name of an e-mail address, before the @, behind which several people may stand.
-- Which ones there are, findings.toml says.
--
-- kind: table
-- key: company, name
-- columns:
--   company: the company's name in the settings
--   name: the part of the address before the @, in lower case
-- example: SELECT name FROM shared_mailbox_names ORDER BY ALL
SELECT
    company,
    name
FROM policy.mailbox_names
