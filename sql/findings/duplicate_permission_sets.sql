-- One row per permission set that grants exactly what another set of the same app grants. Sets with
-- unknown contents or an unknown app are not compared. A set of type admin that lists nothing is
-- not compared either: admins hold everything, whatever is listed.
--
-- kind: rule
-- title: Duplicate permission sets
-- severity: low
-- meaning: Two permission sets of one app grant the same under two names. Anybody who edits one of
--   them believes that the change applies to everybody.
-- remedy: Decide which set stays, move the users of the other set to it, and delete the other set.
-- reference: CIS Controls v8 6.8 (role-based access control)
-- needs: permissionSets, all permissionSets/{id}
-- identity: subject
-- grows: sets, first_others
WITH compared_sets AS (
    SELECT
        company,
        permission_set_id,
        name,
        app,
        type,
        assignment_count,
        list_sort(list_distinct(contents)) AS contents
    FROM permission_sets
    WHERE contents IS NOT NULL
        AND app IS NOT NULL
        AND (len(contents) > 0 OR type <> 'admin')
),

user_counts AS (
    SELECT
        company,
        permission_set_id,
        count(DISTINCT user_id) AS users
    FROM user_permission_sets
    WHERE permission_set_id IS NOT NULL
    GROUP BY company, permission_set_id
),

groups AS (
    SELECT
        company,
        app,
        contents,
        count(*) AS sets,
        -- one more than is shown, because each set leaves itself out
        list(
            {
                'permission_set_id': permission_set_id,
                'set': compared_sets.name,
                'type': compared_sets.type,
                'users': coalesce(user_counts.users, 0)
            }
            ORDER BY permission_set_id
        )[1:21] AS members
    FROM compared_sets
    LEFT JOIN user_counts USING (company, permission_set_id)
    GROUP BY company, app, contents
    HAVING count(*) > 1
)

SELECT
    compared_sets.company,
    'permission_set' AS subject_kind,
    compared_sets.permission_set_id AS subject_id,
    CAST(NULL AS VARCHAR) AS object,
    'low' AS severity,
    concat(
        'The permission set ',
        coalesce(compared_sets.name, compared_sets.permission_set_id),
        ' of ',
        compared_sets.app,
        ' grants the same as ',
        CASE
            WHEN groups.sets = 2 THEN 'another one.'
            ELSE concat(groups.sets - 1, ' others.')
        END
    ) AS title,
    to_json({
        'set': compared_sets.name,
        'app': compared_sets.app,
        'type': compared_sets.type,
        'contents': compared_sets.contents,
        'users': coalesce(user_counts.users, 0),
        'since': versions.valid_from,
        'sets': groups.sets,
        'first_others': list_filter(
            groups.members,
            lambda member: member.permission_set_id <> compared_sets.permission_set_id
        )[1:20]
    }) AS evidence
FROM compared_sets
INNER JOIN groups USING (company, app, contents)
LEFT JOIN user_counts
    ON user_counts.company = compared_sets.company
    AND user_counts.permission_set_id = compared_sets.permission_set_id
LEFT JOIN permission_sets_history AS versions
    ON versions.company = compared_sets.company
    AND versions.permission_set_id = compared_sets.permission_set_id
    AND versions.valid_to IS NULL
