-- One row per change between two accepted snapshots of a company; its first snapshot has no
-- changes.
-- Only observed values are compared: the first answer about a known user is not a change, nor is a
-- value that is unknown for a while. A permission is held or not held. A permission that an answer
-- omits keeps its last known value; a permission that no longer exists has rows in `vendor_changes`
-- only. If a user is added or removed, everything that the user holds has a row too. A change in
-- the contents of a permission set is one row with the attribute `contents`. Changes of what the
-- members of a role share or see are attributes of the role, such as `deal_default_visibility` and
-- `hidden_pipelines`.
--
-- kind: table
-- key: company, snapshot_id, subject_kind, subject_id, kind, object_kind, object
-- columns:
--   company: the company's name in the settings
--   snapshot_id: the snapshot in which it was first seen
--   changed_at: when that snapshot was started
--   at: the same as changed_at, kept for compatibility; "at" is a keyword and needs the quotes
--   kind: added or removed (the subject itself), granted or revoked (a role, set, permission or
--     admin right of a user), changed (an attribute), correction (an observation disproved an
--     inference)
--   subject_kind: user, role or permission_set
--   subject_id: the subject's id
--   object_kind: permission, role, permission_set, admin or attribute; NULL for added and removed
--   object: the permission, the id of the role or set, the app with the admin right, or the
--     attribute's name; NULL for added and removed
--   before: the value before, as text; false or true for granted and revoked; NULL if there is
--     none, as for added and removed
--   after: the value after, as text; false or true for granted and revoked; NULL if there is none,
--     as for added and removed
--   edited_set: for a permission, the set whose edit granted or revoked it, which the user had
--     before and after; NULL if the cause is another one, or not known
-- example: SELECT changed_at, kind, subject_id, before, after FROM access_changes
--   WHERE object = 'can_use_api' ORDER BY ALL DESC
WITH beginnings AS (
    SELECT
        company,
        'user' AS subject_kind,
        min(started_at) AS began_at
    FROM snapshots
    WHERE status IN ('complete', 'partial')
    GROUP BY company

    UNION ALL

    -- lists of roles and sets may be refused at first; the first list is not a change either
    SELECT
        company,
        'role' AS subject_kind,
        min(valid_from) FILTER (active IS NOT NULL) AS began_at
    FROM roles_history
    GROUP BY company

    UNION ALL

    SELECT
        company,
        'permission_set' AS subject_kind,
        min(valid_from) AS began_at
    FROM permission_sets_history
    GROUP BY company
),

-- All subjects in one shape. Rows that are valid since the beginning and still current cannot be
-- part of a change; they are nearly all rows and are left out early. An attribute is `certain` if
-- NULL is a value ("no parent") and does not mean that the value is unknown.
subject_versions AS (
    SELECT
        company,
        'user' AS subject_kind,
        CAST(user_id AS VARCHAR) AS subject_id,
        valid_from,
        valid_to,
        access,
        [
            {'name': 'name', 'value': name, 'certain': TRUE},
            {'name': 'email', 'value': email, 'certain': TRUE},
            {'name': 'active', 'value': CAST(active AS VARCHAR), 'certain': FALSE},
            {'name': 'deleted', 'value': CAST(deleted IS TRUE AS VARCHAR), 'certain': TRUE},
            {'name': 'is_admin', 'value': CAST(is_admin AS VARCHAR), 'certain': FALSE},
            {'name': 'role_id', 'value': CAST(role_id AS VARCHAR), 'certain': TRUE},
            {'name': 'created', 'value': CAST(created AS VARCHAR), 'certain': TRUE},
            {'name': 'locale', 'value': locale, 'certain': TRUE},
            {'name': 'default_currency', 'value': default_currency, 'certain': TRUE},
            {'name': 'timezone_name', 'value': timezone_name, 'certain': TRUE}
        ] AS attributes
    FROM users_history
    INNER JOIN beginnings USING (company)
    WHERE beginnings.subject_kind = 'user'
        AND (valid_to IS NOT NULL OR valid_from > beginnings.began_at)

    UNION ALL

    SELECT
        company,
        'role' AS subject_kind,
        CAST(role_id AS VARCHAR) AS subject_id,
        valid_from,
        valid_to,
        NULL AS access,
        [
            {'name': 'name', 'value': name, 'certain': TRUE},
            {'name': 'parent_role_id', 'value': CAST(parent_role_id AS VARCHAR), 'certain': TRUE},
            {'name': 'active', 'value': CAST(active AS VARCHAR), 'certain': FALSE},
            {'name': 'description', 'value': description, 'certain': TRUE}
        ] AS attributes
    FROM roles_history
    INNER JOIN beginnings USING (company)
    WHERE beginnings.subject_kind = 'role'
        AND (valid_to IS NOT NULL OR valid_from > beginnings.began_at)

    UNION ALL

    SELECT
        company,
        'permission_set' AS subject_kind,
        permission_set_id AS subject_id,
        valid_from,
        valid_to,
        NULL AS access,
        [
            {'name': 'name', 'value': name, 'certain': TRUE},
            {'name': 'app', 'value': app, 'certain': TRUE},
            {'name': 'type', 'value': type, 'certain': FALSE},
            {'name': 'description', 'value': description, 'certain': TRUE},
            {'name': 'contents', 'value': CAST(to_json(contents) AS VARCHAR), 'certain': FALSE}
        ] AS attributes
    FROM permission_sets_history
    INNER JOIN beginnings USING (company)
    WHERE beginnings.subject_kind = 'permission_set'
        AND (valid_to IS NOT NULL OR valid_from > beginnings.began_at)
),

linked_subjects AS (
    SELECT
        *,
        lag(valid_to) OVER versions IS DISTINCT FROM valid_from AS arrives,
        lead(valid_from) OVER versions IS DISTINCT FROM valid_to AS leaves
    FROM subject_versions
    WINDOW versions AS (PARTITION BY company, subject_kind, subject_id ORDER BY valid_from)
),

-- A stay is the time from when a subject appears until it disappears, named by its start.
subject_stays AS (
    SELECT
        *,
        max(CASE WHEN arrives THEN valid_from END) OVER (
            PARTITION BY company, subject_kind, subject_id ORDER BY valid_from
        ) AS stay
    FROM linked_subjects
),

attribute_values AS (
    SELECT
        company,
        subject_kind,
        subject_id,
        stay,
        valid_from,
        unnest(attributes) AS attribute
    FROM subject_stays

    UNION ALL

    -- the settings of a role have versions of their own
    SELECT
        company,
        'role' AS subject_kind,
        CAST(role_id AS VARCHAR) AS subject_id,
        CAST(NULL AS TIMESTAMP) AS stay,
        valid_from,
        {
            'name': concat(item, '_default_visibility'),
            'value': CAST(value AS VARCHAR),
            'certain': FALSE
        } AS attribute
    FROM role_visibility_history

    UNION ALL

    SELECT
        company,
        'role' AS subject_kind,
        CAST(role_id AS VARCHAR) AS subject_id,
        CAST(NULL AS TIMESTAMP) AS stay,
        valid_from,
        {
            'name': 'hidden_pipelines',
            'value': CAST(to_json(hidden) AS VARCHAR),
            'certain': FALSE
        } AS attribute
    FROM role_pipelines_history
),

attribute_steps AS (
    SELECT
        company,
        subject_kind,
        subject_id,
        valid_from,
        attribute.name AS object,
        lag(attribute.value) OVER steps AS before,
        attribute.value AS after,
        row_number() OVER steps AS step
    FROM attribute_values
    WHERE attribute.certain
        OR attribute.value IS NOT NULL
    WINDOW steps AS (
        PARTITION BY company, subject_kind, subject_id, stay, attribute.name ORDER BY valid_from
    )
),

-- A version without a known access takes the last known one.
accesses AS (
    SELECT
        company,
        subject_id,
        valid_from,
        valid_to,
        unnest(
            last_value(access IGNORE NULLS) OVER (
                PARTITION BY company, subject_id, stay ORDER BY valid_from
            )
        ) AS entry,
        min(CASE WHEN access IS NOT NULL THEN valid_from END) OVER (
            PARTITION BY company, subject_id
        ) AS first_at
    FROM subject_stays
    WHERE subject_kind = 'user'
),

answers AS (
    SELECT
        company,
        history_table,
        subject_id,
        min(first_at) AS first_at
    FROM history.observations
    GROUP BY ALL
),

arrivals AS (
    SELECT
        company,
        user_id,
        min(valid_from) AS arrived_at
    FROM users_history
    GROUP BY company, user_id
),

detail_versions AS (
    SELECT
        company,
        'user_permissions' AS history_table,
        CAST(user_id AS VARCHAR) AS subject_id,
        'permission' AS object_kind,
        permission AS object,
        granted AS held,
        valid_from,
        valid_to
    FROM user_permissions_history
    INNER JOIN beginnings USING (company)
    WHERE beginnings.subject_kind = 'user'
        AND (valid_to IS NOT NULL OR valid_from > beginnings.began_at)

    UNION ALL

    SELECT
        company,
        'user_roles' AS history_table,
        CAST(user_id AS VARCHAR) AS subject_id,
        'role' AS object_kind,
        CAST(role_id AS VARCHAR) AS object,
        active AS held,
        valid_from,
        valid_to
    FROM user_roles_history
    INNER JOIN beginnings USING (company)
    WHERE beginnings.subject_kind = 'user'
        AND (valid_to IS NOT NULL OR valid_from > beginnings.began_at)
),

-- Everything that a user can hold, in one shape, with the time of the first answer about it.
holdings AS (
    SELECT
        company,
        subject_id,
        object_kind,
        object,
        held,
        valid_from,
        valid_to,
        answers.first_at
    FROM detail_versions
    LEFT JOIN answers USING (company, history_table, subject_id)

    UNION ALL

    SELECT DISTINCT
        company,
        subject_id,
        'permission_set' AS object_kind,
        entry.permission_set_id AS object,
        TRUE AS held,
        valid_from,
        valid_to,
        first_at
    FROM accesses
    WHERE entry.permission_set_id IS NOT NULL

    UNION ALL

    -- an entry without a known admin flag is ignored
    SELECT
        company,
        subject_id,
        'admin' AS object_kind,
        entry.app AS object,
        CASE
            WHEN bool_or(entry.admin) THEN TRUE
            WHEN bool_and(entry.admin IS NOT NULL) THEN FALSE
        END AS held,
        valid_from,
        valid_to,
        any_value(first_at) AS first_at
    FROM accesses
    WHERE entry.app IS NOT NULL
    GROUP BY ALL
),

linked_holdings AS (
    SELECT
        *,
        lag(valid_to) OVER versions IS DISTINCT FROM valid_from AS starts,
        lead(valid_from) OVER versions IS DISTINCT FROM valid_to AS ends
    FROM holdings
    WINDOW versions AS (
        PARTITION BY company, subject_id, object_kind, object ORDER BY valid_from
    )
),

-- A run is an uninterrupted period of holding an object. Before it, the user did not hold the
-- object, unless it was not observed yet.
holding_runs AS (
    SELECT
        holdings.company,
        holdings.subject_id,
        holdings.object_kind,
        holdings.object,
        holdings.valid_from,
        holdings.valid_to,
        holdings.held,
        holdings.ends,
        CASE
            WHEN holdings.starts THEN holdings.valid_from IS DISTINCT FROM holdings.first_at
        END AS starts_from_none,
        -- what a new user holds, if the answer says so
        holdings.starts AND holdings.valid_from = arrivals.arrived_at AS comes_along,
        max(CASE WHEN holdings.starts THEN holdings.valid_from END) OVER (
            PARTITION BY
                holdings.company, holdings.subject_id, holdings.object_kind, holdings.object
            ORDER BY holdings.valid_from
        ) AS run
    FROM linked_holdings AS holdings
    LEFT JOIN arrivals
        ON arrivals.company = holdings.company
        AND CAST(arrivals.user_id AS VARCHAR) = holdings.subject_id
),

-- An unknown value counts as the last known one.
holding_steps AS (
    SELECT
        company,
        subject_id,
        object_kind,
        object,
        valid_from,
        valid_to,
        ends,
        coalesce(
            last_value(held IGNORE NULLS) OVER (
                versions ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
            ),
            CASE WHEN first_value(starts_from_none) OVER versions OR comes_along THEN FALSE END
        ) AS before,
        last_value(held IGNORE NULLS) OVER (
            versions ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
        ) AS after
    FROM holding_runs
    WINDOW versions AS (
        PARTITION BY company, subject_id, object_kind, object, run ORDER BY valid_from
    )
),

changes AS (
    SELECT
        company,
        valid_from AS changed_at,
        'added' AS kind,
        subject_kind,
        subject_id,
        NULL AS object_kind,
        NULL AS object,
        NULL AS before,
        NULL AS after
    FROM linked_subjects
    WHERE arrives

    UNION ALL

    SELECT
        company,
        valid_to AS changed_at,
        'removed' AS kind,
        subject_kind,
        subject_id,
        NULL AS object_kind,
        NULL AS object,
        NULL AS before,
        NULL AS after
    FROM linked_subjects
    WHERE leaves

    UNION ALL

    SELECT
        company,
        valid_from AS changed_at,
        'changed' AS kind,
        subject_kind,
        subject_id,
        'attribute' AS object_kind,
        object,
        before,
        after
    FROM attribute_steps
    WHERE step > 1
        AND before IS DISTINCT FROM after

    UNION ALL

    SELECT
        company,
        valid_from AS changed_at,
        CASE WHEN after THEN 'granted' ELSE 'revoked' END AS kind,
        'user' AS subject_kind,
        subject_id,
        object_kind,
        object,
        CAST(before AS VARCHAR) AS before,
        CAST(after AS VARCHAR) AS after
    FROM holding_steps
    WHERE before <> after

    UNION ALL

    SELECT
        company,
        valid_to AS changed_at,
        'revoked' AS kind,
        'user' AS subject_kind,
        subject_id,
        object_kind,
        object,
        'true' AS before,
        'false' AS after
    FROM holding_steps
    WHERE ends
        AND after

    UNION ALL

    SELECT
        company,
        corrected_at AS changed_at,
        'correction' AS kind,
        'user' AS subject_kind,
        CAST(user_id AS VARCHAR) AS subject_id,
        'permission' AS object_kind,
        permission AS object,
        CAST(inferred AS VARCHAR) AS before,
        CAST(observed AS VARCHAR) AS after
    FROM history.corrections
),

content_edits AS (
    SELECT
        company,
        subject_id AS permission_set_id,
        valid_from AS edited_at,
        CAST(CAST(before AS JSON) AS VARCHAR[]) AS contents_before,
        CAST(CAST(after AS JSON) AS VARCHAR[]) AS contents_after
    FROM attribute_steps
    WHERE subject_kind = 'permission_set'
        AND object = 'contents'
        AND step > 1
),

-- The permissions that an edit of a set adds or removes.
set_edits AS (
    SELECT
        company,
        permission_set_id,
        edited_at,
        'granted' AS kind,
        unnest(
            list_filter(contents_after, lambda entry: NOT list_contains(contents_before, entry))
        ) AS permission
    FROM content_edits

    UNION ALL

    SELECT
        company,
        permission_set_id,
        edited_at,
        'revoked' AS kind,
        unnest(
            list_filter(contents_before, lambda entry: NOT list_contains(contents_after, entry))
        ) AS permission
    FROM content_edits
),

-- If everything is answered, the edit and its effect appear in the same snapshot. If the user was
-- not answered, the edit appears earlier; if the set was not answered, it appears later.
reads AS (
    SELECT
        company,
        snapshot_id,
        started_at,
        coalesce(
            max(
                CASE
                    WHEN status = 'complete' AND collect IS DISTINCT FROM 'by-access'
                        THEN started_at
                END
            ) OVER (accepted ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING),
            CAST('-infinity' AS TIMESTAMP)
        ) AS edited_after,
        coalesce(
            min(CASE WHEN status = 'complete' THEN started_at END) OVER (
                accepted ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING
            ),
            CAST('infinity' AS TIMESTAMP)
        ) AS edited_until
    FROM snapshots
    WHERE status IN ('complete', 'partial')
    WINDOW accepted AS (PARTITION BY company ORDER BY started_at)
),

edit_effects AS (
    SELECT
        changes.company,
        changes.changed_at,
        changes.subject_id,
        changes.object,
        min(set_edits.permission_set_id) AS edited_set
    FROM changes
    INNER JOIN reads
        ON reads.company = changes.company
        AND reads.started_at = changes.changed_at
    INNER JOIN set_edits
        ON set_edits.company = changes.company
        AND set_edits.kind = changes.kind
        AND set_edits.permission = changes.object
        AND set_edits.edited_at > reads.edited_after
        AND set_edits.edited_at <= reads.edited_until
    INNER JOIN users_history AS earlier
        ON earlier.company = changes.company
        AND CAST(earlier.user_id AS VARCHAR) = changes.subject_id
        AND earlier.valid_from < least(set_edits.edited_at, changes.changed_at)
        AND coalesce(earlier.valid_to >= least(set_edits.edited_at, changes.changed_at), TRUE)
    INNER JOIN users_history AS later
        ON later.company = changes.company
        AND CAST(later.user_id AS VARCHAR) = changes.subject_id
        AND later.valid_from <= changes.changed_at
        AND coalesce(later.valid_to > changes.changed_at, TRUE)
    WHERE changes.object_kind = 'permission'
        AND list_contains(
            list_transform(earlier.access, lambda entry: entry.permission_set_id),
            set_edits.permission_set_id
        )
        AND list_contains(
            list_transform(later.access, lambda entry: entry.permission_set_id),
            set_edits.permission_set_id
        )
    GROUP BY ALL
)

SELECT
    changes.company,
    reads.snapshot_id,
    changes.changed_at,
    changes.changed_at AS at,
    changes.kind,
    changes.subject_kind,
    changes.subject_id,
    changes.object_kind,
    changes.object,
    changes.before,
    changes.after,
    edit_effects.edited_set
FROM changes
INNER JOIN beginnings USING (company, subject_kind)
LEFT JOIN reads
    ON reads.company = changes.company
    AND reads.started_at = changes.changed_at
LEFT JOIN edit_effects
    ON edit_effects.company = changes.company
    AND edit_effects.changed_at = changes.changed_at
    AND edit_effects.subject_id = changes.subject_id
    AND edit_effects.object = changes.object
    AND changes.object_kind = 'permission'
    AND changes.kind <> 'correction'
-- a permission that no longer exists is one change by Pipedrive, not a change of each user
ANTI JOIN (
    FROM history.vendor_changes
    WHERE change = 'removed'
) AS removed
    ON changes.object_kind = 'permission'
    AND removed.company = changes.company
    AND removed.snapshot_id = reads.snapshot_id
    AND removed.permission = changes.object
WHERE changes.changed_at > beginnings.began_at
