-- One row per team now; `team_members` has the members.
-- Pipedrive calls them legacy teams. They group people for goals and statistics, and do not decide
-- who sees an item. It is empty for a company whose latest snapshot did not collect visibility, or
-- that has no teams.
--
-- kind: table
-- key: company, team_id
-- columns:
--   company: the company's name in the settings
--   team_id: Pipedrive's id of the team
--   name: the team's name
--   label: its name, or its id
--   manager_id: the user who manages it, who may not exist; NULL if there is none or it is not
--     known
--   active: whether it is active; NULL means not known
--   deleted: whether it is deleted; NULL means not known
--   members: how many members it has, including inactive users; NULL means not known
-- example: SELECT teams.name, users.label AS manager, members FROM teams LEFT JOIN users ON
--   users.company = teams.company AND users.user_id = manager_id ORDER BY ALL
SELECT
    company,
    team_id,
    versions.name,
    coalesce(versions.name, CAST(team_id AS VARCHAR)) AS label,
    versions.manager_id,
    versions.active,
    versions.deleted,
    len(versions.members) AS members
FROM teams_history AS versions
SEMI JOIN visibility_meaning USING (company)
WHERE versions.valid_to IS NULL
