-- One row per user of a company: whether the user sees new deals of an owner by default, and why.
--
-- kind: macro
-- parameters:
--   of_company: the company's name in the settings
--   owner_name: the owner's id, as a text
-- columns:
--   user_id: the user
--   label: the user's name and e-mail address
--   owner: the owner's name and e-mail address
--   sees: whether the user sees them; NULL means not known
--   reason: why, or why not, as a text
--   default_value: the setting of the owner's role for new deals; NULL if it is not known, or
--     if the owner has several roles with different settings
WITH defaults AS (
    SELECT
        CASE WHEN count(DISTINCT settings.value) = 1 THEN any_value(settings.value) END
            AS default_value
    FROM user_visibility AS standings
    INNER JOIN role_visibility AS settings
        ON settings.company = standings.company
        AND list_contains(standings.role_ids, settings.role_id)
        AND settings.item = 'deal'
    WHERE standings.company = of_company
        AND CAST(standings.user_id AS VARCHAR) = owner_name
)

SELECT
    viewers.user_id,
    users.label,
    viewers.owner,
    viewers.sees,
    viewers.reason,
    defaults.default_value
FROM viewers_of('deal', owner_name) AS viewers
INNER JOIN users USING (company, user_id)
CROSS JOIN defaults
WHERE viewers.company = of_company
ORDER BY viewers.user_id
