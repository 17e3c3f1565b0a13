-- One row per user with an e-mail address: the address in the form in which addresses are compared.
-- That is in lower case, without characters that nobody sees or what stands around it, with
-- composed accents and with the domain in its own script. What Pipedrive sent is `users.email`;
-- without an @ it is not an address.
--
-- kind: view
-- key: company, user_id
-- columns:
--   company: the company's name in the settings
--   user_id: the user
--   address: the address as it is compared
--   domain: the part after the @, empty where there is none
-- example: SELECT user_id, line, status FROM user_addresses JOIN roster ON email = address
SELECT
    company,
    user_id,
    address,
    domain
FROM history.user_addresses
