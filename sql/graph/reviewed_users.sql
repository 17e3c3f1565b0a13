-- One row per user to review in an access review: every user who has access, or may have.
-- A user who is not known to be inactive may sign in. A deactivated user is reviewed as long as the
-- user has admin rights, a role other than the default one, a permission set or a permission.
--
-- kind: view
-- published: no
-- key: company, user_id
-- columns:
--   company: the company's name in the settings
--   user_id: the user
SELECT
    company,
    user_id
FROM users
WHERE live IS NOT FALSE
    OR admin

UNION

SELECT
    company,
    user_roles.user_id
FROM user_roles
SEMI JOIN users USING (company, user_id)
WHERE user_roles.active
    AND user_roles.is_default IS NOT TRUE

UNION

SELECT
    company,
    entries.user_id
FROM user_permission_sets AS entries
SEMI JOIN users USING (company, user_id)
WHERE entries.permission_set_id IS NOT NULL

UNION

SELECT
    company,
    flags.user_id
FROM user_permissions AS flags
SEMI JOIN users USING (company, user_id)
WHERE flags.granted
