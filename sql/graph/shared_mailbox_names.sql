-- One row per name of a shared mailbox, the part of an e-mail address before the @.
-- findings.toml lists these names.
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
