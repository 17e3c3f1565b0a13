-- One row per user with an e-mail address, or per user, role or permission set with an id.
--
-- kind: macro
-- parameters:
--   wanted: the e-mail address or the id
-- columns:
--   company: the company's name in the settings
--   subject_kind: user, role or permission_set
--   subject_id: the id
SELECT
    company,
    'user' AS subject_kind,
    CAST(user_id AS VARCHAR) AS subject_id
FROM users_history
WHERE lower(email) = lower(wanted)

UNION

SELECT
    company,
    kind AS subject_kind,
    id AS subject_id
FROM subject_labels()
WHERE id = wanted
