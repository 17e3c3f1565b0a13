-- One row per permission that an active user does not hold although one of the user's permission
-- sets grants it. Deactivated and deleted users are left out, because they cannot use it. A
-- permission that an observed response leaves out is not granted; one that it names without a
-- readable value is unknown. A permission that no response of the company names may not be reported
-- at all, and is not missing. The contents of the user's other sets need not be known. Admins are
-- examined too.
--
-- kind: rule
-- title: Missing permission
-- severity: low
-- meaning: One of the user's permission sets grants this permission, and the user does not hold it.
--   The settings differ from what is in force, so nobody can rely on them.
-- remedy: Save the user's permission sets again. If that does not help, ask Pipedrive.
-- reference: ISO/IEC 27001:2022 A.5.18 (access rights), NIST SP 800-53 AC-2
-- needs: users, permissionSets, all permissionSets/{id}, users/{id}/permissions
-- identity: subject, object
WITH named_permissions AS (
    SELECT DISTINCT
        company,
        permission
    FROM user_permissions
    WHERE source = 'observed'
),

-- There are many users, but few different values of `access`: the expected permissions are computed
-- per access. Materialized, so that every reader sees the same access ids.
accesses AS MATERIALIZED (
    SELECT
        company,
        access,
        row_number() OVER () AS access_id
    FROM users_history
    WHERE valid_to IS NULL
        AND access IS NOT NULL
    GROUP BY company, access
),

access_sets AS (
    SELECT DISTINCT
        company,
        access_id,
        unnest(access).permission_set_id AS permission_set_id
    FROM accesses
),

access_grants AS MATERIALIZED (
    SELECT
        company,
        access_sets.access_id,
        permission_set_id,
        permission_sets.name,
        permission_sets.app,
        unnest(list_distinct(permission_sets.grants)) AS permission
    FROM access_sets
    INNER JOIN permission_sets USING (company, permission_set_id)
),

expectations AS (
    SELECT
        company,
        access_id,
        count(DISTINCT permission) AS permissions
    FROM access_grants
    SEMI JOIN named_permissions USING (company, permission)
    GROUP BY company, access_id
),

accounts AS (
    SELECT
        company,
        versions.user_id,
        accesses.access_id
    FROM users_history AS versions
    INNER JOIN accesses USING (company, access)
    INNER JOIN permission_sources AS sources USING (company, user_id)
    INNER JOIN users USING (company, user_id)
    WHERE versions.valid_to IS NULL
        AND sources.source = 'observed'
        AND users.live
        -- otherwise the user may have other sets by now
        AND users.access_given IS NOT FALSE
),

-- How many of the expected permissions each user holds or may hold: for nearly all users, all of
-- them. A user in several roles has the same permissions in each.
held_counts AS (
    SELECT
        company,
        user_id,
        any_value(in_role.permissions) AS permissions
    FROM (
        SELECT
            company,
            flags.user_id,
            count(*) AS permissions
        FROM user_role_permissions AS flags
        WHERE flags.granted IS NOT FALSE
            AND len(flags.granted_by) > 0
        GROUP BY company, flags.user_id, flags.role_id
    ) AS in_role
    GROUP BY company, user_id
),

suspects AS (
    SELECT
        company,
        user_id,
        access_id
    FROM accounts
    INNER JOIN expectations USING (company, access_id)
    LEFT JOIN held_counts USING (company, user_id)
    WHERE coalesce(held_counts.permissions, 0) < expectations.permissions
),

-- explanations are computed for these users only
expected_permissions AS (
    SELECT
        company,
        access_id,
        permission,
        list(
            {'permission_set_id': permission_set_id, 'set': name, 'app': app}
            ORDER BY permission_set_id
        ) AS granted_by
    FROM access_grants
    SEMI JOIN suspects USING (company, access_id)
    SEMI JOIN named_permissions USING (company, permission)
    GROUP BY company, access_id, permission
),

suspect_flags AS (
    SELECT
        company,
        flags.user_id,
        flags.permission,
        flags.granted,
        flags.since
    FROM user_permissions AS flags
    SEMI JOIN suspects USING (company, user_id)
)

SELECT
    company,
    'user' AS subject_kind,
    CAST(user_id AS VARCHAR) AS subject_id,
    permission AS object,
    'low' AS severity,
    concat(
        users.label,
        ' does not hold ',
        permission,
        ', which ',
        array_to_string(
            list_transform(
                expected.granted_by, lambda entry: coalesce(entry.set, entry.permission_set_id)
            ),
            ', '
        ),
        ' grants.'
    ) AS title,
    to_json({
        'user': users.label,
        'admin': users.admin,
        'last_login': users.last_login,
        'login_known': users.login_known,
        'permission': permission,
        'granted_by': expected.granted_by,
        'named_by_answer': flags.granted IS NOT NULL,
        'since': flags.since,
        'observed_at': users.permissions_observed_at
    }) AS evidence
FROM suspects
INNER JOIN expected_permissions AS expected USING (company, access_id)
INNER JOIN users USING (company, user_id)
LEFT JOIN suspect_flags AS flags USING (company, user_id, permission)
WHERE flags.user_id IS NULL
    OR NOT flags.granted
