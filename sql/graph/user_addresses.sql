-- One row per user with an e-mail address: the address, normalized for comparison.
-- Normalized means: in lower case, without invisible or surrounding characters, with composed
-- accents and with the domain in its own script. `users.email` has the text that Pipedrive sent; a
-- text without an @ is not an address.
--
-- kind: view
-- key: company, user_id
-- columns:
--   company: the company's name in the settings
--   user_id: the user
--   address: the normalized address
--   domain: the part after the @; empty if there is none
-- example: SELECT user_id, line, status FROM user_addresses JOIN roster ON email = address
SELECT
    company,
    user_id,
    address,
    domain
FROM history.user_addresses
