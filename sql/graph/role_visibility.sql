-- One row per role and kind of item: who sees new items of the role's members by default.
-- It is empty for a company whose latest snapshot did not collect visibility. Followers of an item,
-- items whose visibility somebody set, and items from before the present settings are not in it.
-- Apart from this setting, admins of the app and members of the roles above see the items too.
--
-- kind: table
-- key: company, role_id, item
-- columns:
--   company: the company's name in the settings
--   role_id: the role
--   item: deal, lead, org (organization), person or product
--   value: 1, 3, 5 or 7, as Pipedrive gives it; NULL means not known
--   reach: what the value means: owner, group (members of the owner's role), branch (members of
--     that role and of the roles below it) or everyone; NULL means not known
--   since: when this value was first seen; NULL if it is not known
--   observed_at: when the role's settings were last answered; NULL means never
-- example: SELECT roles.name, item, reach FROM role_visibility JOIN roles USING (company, role_id)
--   ORDER BY ALL
WITH items AS (
    SELECT unnest(['deal', 'lead', 'org', 'person', 'product']) AS item
),

answers AS (
    SELECT
        company,
        TRY_CAST(subject_id AS BIGINT) AS role_id,
        max(last_at) AS observed_at
    FROM history.observations
    WHERE history_table = 'role_visibility'
    GROUP BY ALL
)

SELECT
    roles.company,
    roles.role_id,
    items.item,
    settings.value,
    CASE settings.value
        WHEN 1 THEN 'owner'
        WHEN 3 THEN meaning.three_means
        WHEN 5 THEN 'branch'
        WHEN 7 THEN 'everyone'
    END AS reach,
    settings.valid_from AS since,
    answers.observed_at
FROM roles_history AS roles
INNER JOIN visibility_meaning AS meaning ON meaning.company = roles.company
CROSS JOIN items
LEFT JOIN role_visibility_history AS settings
    ON settings.company = roles.company
    AND settings.role_id = roles.role_id
    AND settings.item = items.item
    AND settings.valid_to IS NULL
LEFT JOIN answers
    ON answers.company = roles.company
    AND answers.role_id = roles.role_id
WHERE roles.valid_to IS NULL
