-- One row per team and member now, including inactive users.
-- A team whose members are not known has no row: see `teams.members`.
--
-- kind: table
-- key: company, team_id, user_id
-- columns:
--   company: the company's name in the settings
--   team_id: the team
--   user_id: the member, who may not exist
--   manager: whether this member manages the team; NULL if the manager is not known
-- example: SELECT teams.name, count(*) AS members FROM team_members JOIN teams USING (company,
--   team_id) GROUP BY ALL
WITH members AS (
    SELECT
        company,
        team_id,
        manager_id,
        unnest(members) AS user_id
    FROM teams_history
    SEMI JOIN visibility_meaning USING (company)
    WHERE valid_to IS NULL
)

SELECT
    company,
    team_id,
    user_id,
    user_id = manager_id AS manager
FROM members
