-- One row per version of a team, including its members.
--
-- kind: view
-- key: company, team_id, valid_from
-- columns:
--   company: the company's name in the settings
--   team_id: Pipedrive's id of the team
--   name: the team's name
--   manager_id: the user who manages it; NULL if there is none or it is not known
--   active: whether it is active; NULL means not known
--   deleted: whether it is deleted; NULL means not known
--   members: the ids of its members, sorted; NULL means not known
--   valid_from: when this version was first seen
--   valid_to: when another version, or the end, was first seen; NULL means current
-- example: SELECT name, manager_id, members, valid_from FROM teams_history ORDER BY ALL
SELECT
    company,
    team_id,
    name,
    manager_id,
    active,
    deleted,
    members,
    valid_from,
    valid_to
FROM history.teams
