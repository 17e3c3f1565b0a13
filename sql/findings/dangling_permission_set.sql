-- One row per permission set that a user's access refers to and that does not exist. A set counts
-- as missing only with proof: see `proven_absences`. A set of which only the contents are unknown
-- exists.
--
-- kind: rule
-- title: Missing permission set
-- severity: high
-- meaning: The user's access refers to a permission set that does not exist, so nobody can look up
--   or edit what the user may do. The severity is info if no set of the whole app is listed,
--   because Pipedrive does not show the sets of that app.
-- remedy: Give the user a permission set that exists.
-- reference: CIS Controls v8 6.8 (role-based access control), NIST SP 800-53 AC-2
-- needs: users, permissionSets
-- identity: subject, object
WITH listed_apps AS (
    SELECT DISTINCT
        company,
        app
    FROM permission_sets
),

-- A set that is named in two apps is one finding.
dangling_entries AS (
    SELECT
        entries.company,
        entries.user_id,
        entries.permission_set_id,
        list(entries.app ORDER BY entries.app) AS apps,
        count(listed_apps.app) > 0 AS app_listed,
        bool_or(entries.admin) AS admin
    FROM user_permission_sets AS entries
    INNER JOIN proven_absences
        ON proven_absences.company = entries.company
        AND proven_absences.subject_kind = 'permission_set'
        AND proven_absences.subject_id = entries.permission_set_id
    LEFT JOIN listed_apps
        ON listed_apps.company = entries.company
        AND listed_apps.app = entries.app
    GROUP BY entries.company, entries.user_id, entries.permission_set_id
),

-- Since when `access` names the set; missing here if it did from the beginning.
naming_changes AS (
    SELECT
        changes.company,
        changes.subject_id,
        changes.object,
        max(changes.at) AS since
    FROM access_changes AS changes
    WHERE changes.kind = 'granted'
        AND changes.object_kind = 'permission_set'
        AND changes.object IN (
            SELECT permission_set_id
            FROM dangling_entries
        )
    GROUP BY ALL
)

SELECT
    dangling_entries.company,
    'user' AS subject_kind,
    CAST(dangling_entries.user_id AS VARCHAR) AS subject_id,
    dangling_entries.permission_set_id AS object,
    CASE WHEN dangling_entries.app_listed THEN 'high' ELSE 'info' END AS severity,
    concat(
        users.label,
        ' has the permission set ',
        dangling_entries.permission_set_id,
        ' of ',
        coalesce(nullif(array_to_string(dangling_entries.apps, ', '), ''), 'an unnamed app'),
        CASE
            WHEN dangling_entries.app_listed THEN ', which does not exist.'
            ELSE ', an app of which no permission set is listed.'
        END
    ) AS title,
    to_json({
        'user': users.label,
        'active': users.active,
        'permission_set_id': dangling_entries.permission_set_id,
        'apps': dangling_entries.apps,
        'app_listed': dangling_entries.app_listed,
        'admin': dangling_entries.admin,
        'since': coalesce(naming_changes.since, users.first_seen),
        'last_login': users.last_login,
        'login_known': users.login_known
    }) AS evidence
FROM dangling_entries
INNER JOIN users USING (company, user_id)
LEFT JOIN naming_changes
    ON naming_changes.company = dangling_entries.company
    AND naming_changes.subject_id = CAST(dangling_entries.user_id AS VARCHAR)
    AND naming_changes.object = dangling_entries.permission_set_id
