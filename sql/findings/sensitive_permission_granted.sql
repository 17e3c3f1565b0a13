-- One row per sensitive permission that a user gained, within `event_open_days`. A permission that
-- came by the edit of a set that the user already had is left out: that edit is the event
-- (permission_set_changed). A permission from another set that the user was given counts. If the
-- contents of a set that the user kept are or were unknown, the cause is unknown, and there is no
-- finding. The same holds for users who became admins, because admins hold everything, and for the
-- first response about a user. What a deactivated or deleted user regains by reactivation, without
-- another set, is reported by reactivated_user. The event ends when the permission is gone.
--
-- kind: rule
-- title: Sensitive permission granted
-- severity: high
-- meaning: A user was given a permission to export, import, destroy or reveal data, by another
--   permission set or outside of the sets.
-- remedy: Ask who granted it and why. If nobody knows, or it is not needed any more, remove it.
-- reference: NIST SP 800-53 AC-6 (least privilege), ISO/IEC 27001:2022 A.5.18
-- needs: users, permissionSets, users/{id}/permissions
-- identity: subject, object, snapshot_id
-- event: yes
WITH flag_changes AS (
    SELECT
        company,
        CAST(access_changes.subject_id AS BIGINT) AS user_id,
        access_changes.object AS permission,
        snapshot_id,
        event_snapshots.compared,
        access_changes.at AS since,
        access_changes.kind,
        access_changes.edited_set
    FROM access_changes
    INNER JOIN event_snapshots USING (company, snapshot_id)
    INNER JOIN sensitive_permissions
        ON sensitive_permissions.company = access_changes.company
        AND sensitive_permissions.permission = access_changes.object
    WHERE access_changes.subject_kind = 'user'
        AND access_changes.object_kind = 'permission'
        AND access_changes.kind IN ('granted', 'revoked')
    QUALIFY row_number() OVER (
        PARTITION BY company, access_changes.subject_id, access_changes.object
        ORDER BY access_changes.at DESC
    ) = 1
),

gains AS (
    SELECT
        company,
        user_id,
        flag_changes.permission,
        flag_changes.snapshot_id,
        flag_changes.compared,
        flag_changes.since,
        list_transform(earlier.access, lambda entry: entry.permission_set_id) AS sets_before,
        list_transform(versions.access, lambda entry: entry.permission_set_id) AS sets_after
    FROM flag_changes
    INNER JOIN users USING (company, user_id)
    INNER JOIN users_history AS versions USING (company, user_id)
    INNER JOIN users_history AS earlier USING (company, user_id)
    WHERE flag_changes.kind = 'granted'
        AND flag_changes.edited_set IS NULL
        AND flag_changes.since > users.first_seen
        AND NOT versions.admin
        AND versions.valid_from <= flag_changes.since
        AND coalesce(versions.valid_to > flag_changes.since, TRUE)
        AND earlier.valid_from < flag_changes.since
        AND coalesce(earlier.valid_to >= flag_changes.since, TRUE)
        -- the user's sets must be known
        AND versions.access_known
        AND earlier.access_known
        AND NOT (
            earlier.live IS FALSE
            AND versions.live IS TRUE
            AND list_has_all(
                list_transform(earlier.access, lambda entry: entry.permission_set_id),
                list_distinct(
                    list_transform(versions.access, lambda entry: entry.permission_set_id)
                )
            )
        )
),

kept_sets AS (
    SELECT
        company,
        user_id,
        gains.permission,
        gains.since,
        unnest(
            list_filter(
                list_distinct(gains.sets_after),
                lambda entry: list_contains(gains.sets_before, entry)
            )
        ) AS permission_set_id
    FROM gains
),

known_sets AS (
    SELECT
        company,
        permission_set_id,
        min(valid_from) AS known_since
    FROM permission_sets_history
    WHERE contents IS NOT NULL
    GROUP BY company, permission_set_id
),

unread_sets AS (
    SELECT
        company,
        current_snapshot.as_of AS unread_at,
        coverage.subject_id AS permission_set_id
    FROM history.coverage AS coverage
    INNER JOIN current_snapshot USING (company)
    WHERE coverage.endpoint = 'permissionSets/{id}'
        AND coverage.outcome IN ('failed', 'refused')
),

-- Gains for which a set that the user kept may have been edited.
unclear_gains AS (
    SELECT DISTINCT
        kept_sets.company,
        kept_sets.user_id,
        kept_sets.permission
    FROM kept_sets
    LEFT JOIN permission_sets_history AS versions
        ON versions.company = kept_sets.company
        AND versions.permission_set_id = kept_sets.permission_set_id
        AND versions.valid_from <= kept_sets.since
        AND coalesce(versions.valid_to > kept_sets.since, TRUE)
    LEFT JOIN known_sets
        ON known_sets.company = kept_sets.company
        AND known_sets.permission_set_id = kept_sets.permission_set_id
    -- not read in this snapshot; the next one decides
    LEFT JOIN unread_sets
        ON unread_sets.company = kept_sets.company
        AND unread_sets.permission_set_id = kept_sets.permission_set_id
        AND unread_sets.unread_at = kept_sets.since
    -- a set that does not exist grants nothing
    LEFT JOIN proven_absences AS absent
        ON absent.company = kept_sets.company
        AND absent.subject_kind = 'permission_set'
        AND absent.subject_id = kept_sets.permission_set_id
    WHERE (versions.contents IS NULL AND absent.subject_id IS NULL)
        OR unread_sets.permission_set_id IS NOT NULL
        OR (
            list_contains(versions.contents, kept_sets.permission)
            AND known_sets.known_since >= kept_sets.since
        )
),

granting_sets AS (
    SELECT
        company,
        user_id,
        gains.permission,
        list(
            {
                'set': held_sets.label,
                'permission_set_id': permission_set_id,
                'app': held_sets.app,
                'given_in_this_snapshot': NOT list_contains(gains.sets_before, permission_set_id)
            }
            ORDER BY permission_set_id, held_sets.app
        ) AS sets
    FROM gains
    INNER JOIN held_sets USING (company, user_id)
    WHERE list_contains(held_sets.grants, gains.permission)
    GROUP BY company, user_id, gains.permission
),

-- Users with a set of unknown contents, which may grant the permission.
unknown_sets AS (
    SELECT DISTINCT
        company,
        entries.user_id
    FROM user_permission_sets AS entries
    SEMI JOIN gains USING (company, user_id)
    LEFT JOIN permission_sets USING (company, permission_set_id)
    LEFT JOIN proven_absences AS absent
        ON absent.company = entries.company
        AND absent.subject_kind = 'permission_set'
        AND absent.subject_id = entries.permission_set_id
    WHERE entries.permission_set_id IS NOT NULL
        AND permission_sets.contents IS NULL
        AND absent.subject_id IS NULL
),

role_lists AS (
    SELECT
        company,
        user_id,
        gains.permission,
        list(
            {
                'role_id': held_roles.role_id,
                'role': held_roles.name,
                'members': role_permissions.members,
                'holders': role_permissions.holders
            }
            ORDER BY held_roles.role_id
        ) AS roles
    FROM gains
    INNER JOIN held_roles USING (company, user_id)
    LEFT JOIN role_permissions
        ON role_permissions.company = held_roles.company
        AND role_permissions.role_id = held_roles.role_id
        AND role_permissions.permission = gains.permission
    GROUP BY company, user_id, gains.permission
)

SELECT
    company,
    'user' AS subject_kind,
    CAST(user_id AS VARCHAR) AS subject_id,
    permission AS object,
    snapshot_id,
    'high' AS severity,
    concat(
        users.label,
        ' was granted ',
        permission,
        CASE
            WHEN granting_sets.sets IS NULL AND unknown_sets.user_id IS NOT NULL
                THEN ', by none of the user''s permission sets whose contents are known'
            WHEN granting_sets.sets IS NULL THEN ', by none of the user''s permission sets'
            ELSE concat(
                ', by the permission set ',
                array_to_string(
                    list_distinct(list_transform(granting_sets.sets, lambda entry: entry.set)), ', '
                )
            )
        END,
        '.'
    ) AS title,
    to_json({
        'user': users.label,
        'active': users.active,
        'permission': permission,
        'before': FALSE,
        'after': TRUE,
        'since': gains.since,
        'snapshots': gains.compared,
        'granted_by': coalesce(granting_sets.sets, []),
        'roles': coalesce(role_lists.roles, []),
        'observed_at': users.permissions_observed_at,
        'last_login': users.last_login,
        'login_known': users.login_known,
        'created': users.created
    }) AS evidence
FROM gains
INNER JOIN users USING (company, user_id)
LEFT JOIN granting_sets USING (company, user_id, permission)
LEFT JOIN unknown_sets USING (company, user_id)
LEFT JOIN role_lists USING (company, user_id, permission)
ANTI JOIN unclear_gains USING (company, user_id, permission)
