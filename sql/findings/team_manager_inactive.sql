-- One row per active team whose manager is deactivated, deleted, or not a user of the company. A
-- team without a known manager is left out, and so are teams that are deleted or not known to be
-- active.
--
-- kind: rule
-- title: Team manager is gone
-- severity: low
-- meaning: The manager of this team cannot sign in any more, or is not a user of the company.
--   Nobody looks after the team's members and goals, and whoever gets that account back manages the
--   team again.
-- remedy: Choose another manager, or delete the team.
-- reference: NIST SP 800-53 AC-2 (account management)
-- needs: users, legacyTeams
-- identity: subject
SELECT
    teams.company,
    'team' AS subject_kind,
    CAST(teams.team_id AS VARCHAR) AS subject_id,
    CAST(NULL AS VARCHAR) AS object,
    'low' AS severity,
    concat(
        'The team ', teams.label, ' is managed by ',
        CASE
            WHEN users.user_id IS NULL
                THEN concat('user ', teams.manager_id, ', who is not a user of the company.')
            ELSE concat(users.label, ', who is deactivated or deleted.')
        END
    ) AS title,
    to_json({
        'team': teams.name,
        'manager_id': teams.manager_id,
        'manager': users.label,
        'manager_exists': users.user_id IS NOT NULL,
        'members': teams.members,
        'since': users.changed_at,
        'last_login': users.last_login,
        'login_known': users.login_known
    }) AS evidence
FROM teams
LEFT JOIN users
    ON users.company = teams.company
    AND users.user_id = teams.manager_id
WHERE teams.active
    AND teams.deleted IS NOT TRUE
    AND teams.manager_id IS NOT NULL
    AND (users.user_id IS NULL OR users.live IS FALSE)
