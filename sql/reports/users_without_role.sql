-- One row per user of a company who can sign in and has no active role assignment.
-- A user whose assignments were never answered is left out.
--
-- kind: macro
-- parameters:
--   of_company: the company's name in the settings
-- columns:
--   user_id: the user
SELECT user_id
FROM users
ANTI JOIN (
    SELECT user_id
    FROM user_roles
    WHERE company = of_company
        AND active
) AS assignments USING (user_id)
WHERE company = of_company
    AND live
    AND roles_observed_at IS NOT NULL
