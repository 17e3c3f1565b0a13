-- One row per permission set whose contents changed, within `event_open_days`. Contents that become
-- known for the first time or were not read have not changed, and neither has a set of type admin
-- that starts or stops listing what it grants. The event ends when nothing of the change is left:
-- everything added was removed since, and everything removed was added back.
--
-- kind: rule
-- title: Permission set changed
-- severity: high
-- meaning: A permission set grants something different from before, to every user who has it. One
--   edit can give a sensitive permission to a whole department without a change to any user.
-- remedy: Ask who edited the set and whether its users should have what was added. If not, restore
--   the contents.
-- reference: NIST SP 800-53 AC-6(7) (review of user privileges), ISO/IEC 27001:2022 A.5.18
-- needs: users, permissionSets, permissionSets/{id}
-- identity: subject, snapshot_id
-- event: yes
-- grows: assignees
WITH edits AS (
    SELECT
        company,
        subject_id AS permission_set_id,
        snapshot_id,
        event_snapshots.compared,
        access_changes.at AS since,
        CAST(CAST(access_changes.before AS JSON) AS VARCHAR[]) AS contents_before,
        CAST(CAST(access_changes.after AS JSON) AS VARCHAR[]) AS contents_after
    FROM access_changes
    INNER JOIN event_snapshots USING (company, snapshot_id)
    LEFT JOIN (
        SELECT
            company,
            permission_set_id AS subject_id,
            permission_sets.type
        FROM permission_sets
    ) AS sets USING (company, subject_id)
    WHERE access_changes.subject_kind = 'permission_set'
        AND access_changes.kind = 'changed'
        AND access_changes.object = 'contents'
        -- an admin set that lists nothing grants everything in its app: starting or stopping the
        -- list is not an edit
        AND NOT (
            coalesce(sets.type = 'admin', FALSE)
            AND '[]' IN (access_changes.before, access_changes.after)
        )
),

edited_permissions AS (
    SELECT
        company,
        permission_set_id,
        since,
        TRUE AS added,
        unnest(
            list_filter(contents_after, lambda entry: NOT list_contains(contents_before, entry))
        ) AS permission
    FROM edits

    UNION ALL

    SELECT
        company,
        permission_set_id,
        since,
        FALSE AS added,
        unnest(
            list_filter(contents_before, lambda entry: NOT list_contains(contents_after, entry))
        ) AS permission
    FROM edits
),

-- The part of each edit that has stayed in force since.
lasting_permissions AS (
    SELECT
        edited.company,
        edited.permission_set_id,
        edited.since,
        edited.added,
        edited.permission
    FROM edited_permissions AS edited
    INNER JOIN permission_sets_history AS versions
        ON versions.company = edited.company
        AND versions.permission_set_id = edited.permission_set_id
        AND versions.valid_from >= edited.since
    WHERE versions.contents IS NOT NULL
    GROUP BY ALL
    HAVING bool_and(list_contains(versions.contents, edited.permission) = edited.added)
),

lasting_edits AS (
    SELECT
        company,
        permission_set_id,
        since,
        list(permission ORDER BY permission) FILTER (added) AS still_added,
        list(permission ORDER BY permission) FILTER (NOT added) AS still_removed
    FROM lasting_permissions
    GROUP BY company, permission_set_id, since
),

assignees AS (
    SELECT
        company,
        permission_set_id,
        count(*) AS assignees,
        count(*) FILTER (live) AS active_assignees,
        list(label ORDER BY live IS TRUE DESC, user_id) AS labels
    FROM (
        SELECT DISTINCT
            company,
            user_id,
            entries.permission_set_id,
            users.label,
            users.live
        FROM user_permission_sets AS entries
        SEMI JOIN lasting_edits USING (company, permission_set_id)
        INNER JOIN users USING (company, user_id)
    )
    GROUP BY company, permission_set_id
),

edited_sets AS (
    SELECT
        company,
        permission_set_id,
        edits.snapshot_id,
        edits.compared,
        edits.since,
        lasting_edits.still_added,
        lasting_edits.still_removed,
        list_filter(
            edits.contents_after, lambda entry: NOT list_contains(edits.contents_before, entry)
        ) AS added,
        list_filter(
            edits.contents_before, lambda entry: NOT list_contains(edits.contents_after, entry)
        ) AS removed
    FROM edits
    INNER JOIN lasting_edits USING (company, permission_set_id, since)
)

SELECT
    company,
    'permission_set' AS subject_kind,
    permission_set_id AS subject_id,
    CAST(NULL AS VARCHAR) AS object,
    snapshot_id,
    'high' AS severity,
    concat(
        'The permission set ',
        coalesce(permission_sets.name, permission_set_id),
        CASE WHEN permission_sets.app IS NOT NULL THEN concat(' of ', permission_sets.app) END,
        CASE
            WHEN len(edited_sets.added) > 0
                THEN ' now grants ' || array_to_string(edited_sets.added, ', ')
        END,
        CASE WHEN len(edited_sets.added) > 0 AND len(edited_sets.removed) > 0 THEN ', and' END,
        CASE
            WHEN len(edited_sets.removed) > 0
                THEN ' no longer grants ' || array_to_string(edited_sets.removed, ', ')
        END,
        '; ',
        CASE coalesce(assignees.active_assignees, 0)
            WHEN 0 THEN 'no active user has it.'
            WHEN 1 THEN '1 active user has it.'
            ELSE concat(assignees.active_assignees, ' active users have it.')
        END
    ) AS title,
    to_json({
        'permission_set': permission_sets.name,
        'app': permission_sets.app,
        'type': permission_sets.type,
        'added': edited_sets.added,
        'removed': edited_sets.removed,
        'still_added': coalesce(edited_sets.still_added, []),
        'still_removed': coalesce(edited_sets.still_removed, []),
        'contents': permission_sets.contents,
        'since': edited_sets.since,
        'snapshots': edited_sets.compared,
        'assignees': coalesce(assignees.assignees, 0),
        'active_assignees': coalesce(assignees.active_assignees, 0),
        -- a sample, because there may be very many
        'first_assignees': coalesce(list_slice(assignees.labels, 1, 20), [])
    }) AS evidence
FROM edited_sets
INNER JOIN permission_sets USING (company, permission_set_id)
LEFT JOIN assignees USING (company, permission_set_id)
