-- One row per access that an access review revoked and that a later snapshot still contains. The
-- latest decision about a user in all reviews counts: a later decision to keep ends the finding. A
-- decision to revoke concerns all access, with the object `account`: the user can still sign in, or
-- still has roles, permission sets, admin rights or permissions, even if deactivated. A decision to
-- change concerns what the user held when the review was opened, in the parts that were revoked:
-- `role:<id>`, the set's id, the permission, `admin:<app>`, or `admin` if the app is unknown. The
-- role that Pipedrive gives to users without another role does not count. Later means that the
-- snapshot began after the decision, and that it observed the access: the user's record, roles or
-- permissions were read after the decision. Data that is carried forward, unknown or inferred opens
-- no finding, and an open finding stays until all of it is read. Still means without a break: the
-- versions in the history reach from before the decision until now, and none of them says no.
-- Access that was removed, even for one snapshot, and granted again is a new grant, which nobody
-- has decided about.
--
-- kind: rule
-- title: Revoked access still present
-- severity: high
-- meaning: A reviewer decided to revoke this access, and it is still there: the decision was not
--   carried out in Pipedrive.
-- remedy: Remove the access in Pipedrive. If it is still needed, record a decision to keep it, in
--   the next review or again in the same one.
-- reference: ISO/IEC 27001:2022 A.5.18 (access rights), NIST SP 800-53 AC-2 j (review of accounts),
--   CIS Controls v8 6.2
-- needs: users, users/{id}/roleAssignments, users/{id}/permissions
-- identity: subject, object
WITH latest_decisions AS (
    SELECT
        company,
        review_id,
        row_id,
        decisions.user_id,
        decisions.decision,
        decisions.role,
        decisions.permission_sets,
        decisions.sensitive_permissions,
        decisions.admin_rights,
        decisions.comment,
        decisions.decided_by,
        decisions.decided_at,
        decisions.snapshot_id
    FROM review_decisions AS decisions
    QUALIFY row_number() OVER (
        PARTITION BY company, decisions.user_id ORDER BY decisions.decided_at DESC
    ) = 1
),

-- Whether the user's record, roles and permissions were read after the decision: earlier data is no
-- proof.
revocations AS (
    SELECT
        company,
        review_id,
        row_id,
        user_id,
        decisions.decision,
        decisions.role,
        decisions.permission_sets,
        decisions.sensitive_permissions,
        decisions.admin_rights,
        decisions.comment,
        decisions.decided_by,
        decisions.decided_at,
        decisions.snapshot_id,
        users.roles_observed_at > decisions.decided_at AS roles_read,
        users.permissions_observed_at > decisions.decided_at AS permissions_read
    FROM latest_decisions AS decisions
    INNER JOIN current_snapshot USING (company)
    INNER JOIN users USING (company, user_id)
    INNER JOIN history.observations AS listings
        ON listings.company = users.company
        AND listings.history_table = 'users'
        AND listings.subject_id = CAST(users.user_id AS VARCHAR)
        AND listings.last_at > decisions.decided_at
    WHERE decisions.decision IN ('revoke', 'change')
        AND current_snapshot.as_of > decisions.decided_at
),

frozen AS (
    SELECT
        company,
        review_id,
        row_id,
        list_transform(items.roles, lambda role: role.role_id) AS role_ids,
        list_transform(
            items.permission_sets, lambda entry: entry.permission_set_id
        ) AS permission_set_ids,
        list_transform(
            list_filter(items.sensitive_permissions, lambda flag: flag.source IS NOT NULL),
            lambda flag: flag.permission
        ) AS permissions,
        items.admin_apps,
        items.admin
    FROM review_items AS items
    SEMI JOIN revocations USING (company, review_id, row_id)
),

-- revoked access that is held now
remainders AS (
    SELECT
        company,
        user_id,
        'account' AS kind,
        CAST(NULL AS VARCHAR) AS thing,
        CAST(NULL AS VARCHAR) AS label
    FROM revocations
    INNER JOIN users USING (company, user_id)
    WHERE revocations.decision = 'revoke'
        AND users.live

    UNION ALL

    SELECT
        company,
        user_id,
        'role' AS kind,
        CAST(held_roles.role_id AS VARCHAR) AS thing,
        coalesce(held_roles.name, concat('role ', held_roles.role_id)) AS label
    FROM revocations
    INNER JOIN held_roles USING (company, user_id)
    LEFT JOIN frozen USING (company, review_id, row_id)
    WHERE held_roles.source = 'observed'
        AND held_roles.is_default IS NOT TRUE
        AND revocations.roles_read
        AND (
            revocations.decision = 'revoke'
            OR (
                revocations.role = 'revoke'
                AND list_contains(frozen.role_ids, held_roles.role_id)
            )
        )

    UNION ALL

    SELECT DISTINCT
        company,
        user_id,
        'permission_set' AS kind,
        held_sets.permission_set_id AS thing,
        held_sets.label
    FROM revocations
    INNER JOIN held_sets USING (company, user_id)
    LEFT JOIN frozen USING (company, review_id, row_id)
    WHERE revocations.decision = 'revoke'
        OR (
            revocations.permission_sets = 'revoke'
            AND list_contains(frozen.permission_set_ids, held_sets.permission_set_id)
        )

    UNION ALL

    SELECT
        company,
        user_id,
        'admin' AS kind,
        apps.app AS thing,
        apps.app AS label
    FROM revocations
    INNER JOIN (
        SELECT
            company,
            user_id,
            -- an admin of an unknown app
            unnest(
                CASE
                    WHEN len(users.admin_apps) > 0 THEN users.admin_apps
                    ELSE CAST([NULL] AS VARCHAR[])
                END
            ) AS app
        FROM users
        WHERE users.admin
    ) AS apps USING (company, user_id)
    LEFT JOIN frozen USING (company, review_id, row_id)
    WHERE revocations.decision = 'revoke'
        OR (
            revocations.admin_rights = 'revoke'
            AND frozen.admin
            AND (
                apps.app IS NULL
                OR len(frozen.admin_apps) = 0
                OR list_contains(frozen.admin_apps, apps.app)
            )
        )

    UNION ALL

    SELECT
        company,
        user_id,
        'permission' AS kind,
        flags.permission AS thing,
        flags.permission AS label
    FROM revocations
    INNER JOIN user_permissions AS flags USING (company, user_id)
    LEFT JOIN frozen USING (company, review_id, row_id)
    WHERE flags.granted
        AND flags.source = 'observed'
        AND revocations.permissions_read
        AND (
            revocations.decision = 'revoke'
            OR (
                revocations.sensitive_permissions = 'revoke'
                AND list_contains(frozen.permissions, flags.permission)
            )
        )
),

-- whether each was held, per version; NULL means unknown
states AS (
    SELECT
        company,
        user_id,
        remainders.kind,
        remainders.thing,
        remainders.label,
        versions.valid_from,
        versions.valid_to,
        CASE remainders.kind
            WHEN 'account' THEN versions.live
            WHEN 'permission_set' THEN list_contains(
                list_transform(versions.access, lambda entry: entry.permission_set_id),
                remainders.thing
            )
            WHEN 'admin' THEN CASE
                WHEN remainders.thing IS NULL OR NOT versions.access_known THEN versions.admin
                ELSE list_contains(versions.admin_apps, remainders.thing)
            END
        END AS held
    FROM remainders
    INNER JOIN users_history AS versions USING (company, user_id)
    WHERE remainders.kind IN ('account', 'permission_set', 'admin')

    UNION ALL

    SELECT
        company,
        user_id,
        remainders.kind,
        remainders.thing,
        remainders.label,
        versions.valid_from,
        versions.valid_to,
        versions.active AS held
    FROM remainders
    INNER JOIN user_roles_history AS versions USING (company, user_id)
    WHERE remainders.kind = 'role'
        AND remainders.thing = CAST(versions.role_id AS VARCHAR)

    UNION ALL

    SELECT
        company,
        user_id,
        remainders.kind,
        remainders.thing,
        remainders.label,
        versions.valid_from,
        versions.valid_to,
        versions.granted AS held
    FROM remainders
    INNER JOIN user_permissions_history AS versions USING (company, user_id)
    WHERE remainders.kind = 'permission'
        AND remainders.thing = versions.permission
),

-- a version begins a new grant unless it directly follows one that was held or may have been
beginnings AS (
    SELECT
        *,
        lag(valid_to) OVER (
            PARTITION BY company, user_id, states.kind, states.thing ORDER BY valid_from
        ) IS DISTINCT FROM valid_from AS begins
    FROM states
    WHERE states.held IS NOT FALSE
),

stays AS (
    SELECT
        company,
        user_id,
        beginnings.kind,
        beginnings.thing,
        any_value(beginnings.label) AS label,
        max(valid_from) FILTER (beginnings.begins) AS since
    FROM beginnings
    GROUP BY company, user_id, beginnings.kind, beginnings.thing
),

leftovers AS (
    SELECT
        company,
        user_id,
        CASE
            WHEN revocations.decision = 'revoke' THEN 'account'
            ELSE stays.kind
        END AS kind,
        CASE
            WHEN revocations.decision = 'revoke' THEN 'account'
            WHEN stays.kind = 'role' THEN concat('role:', stays.thing)
            WHEN stays.kind = 'admin' THEN concat_ws(':', 'admin', stays.thing)
            ELSE stays.thing
        END AS object,
        min(stays.since) AS since,
        bool_or(stays.kind = 'account') AS can_sign_in,
        list(
            {
                'kind': stays.kind,
                'id': stays.thing,
                'label': stays.label,
                'since': stays.since
            }
            ORDER BY
                list_position(
                    ['account', 'role', 'permission_set', 'admin', 'permission'], stays.kind
                ),
                stays.thing
        ) AS still
    FROM stays
    INNER JOIN revocations USING (company, user_id)
    WHERE revocations.decided_at >= stays.since
    GROUP BY ALL
)

SELECT
    company,
    'user' AS subject_kind,
    CAST(user_id AS VARCHAR) AS subject_id,
    leftovers.object,
    'high' AS severity,
    concat(
        users.label,
        CASE
            WHEN leftovers.kind <> 'account'
                THEN concat(
                    CASE leftovers.kind
                        WHEN 'role' THEN ' is still in the role '
                        WHEN 'permission_set' THEN ' still has the permission set '
                        WHEN 'admin' THEN ' is still an admin of '
                        ELSE ' still holds '
                    END,
                    coalesce(leftovers.still[1].label, 'an unknown app')
                )
            WHEN leftovers.can_sign_in THEN ' can still sign in'
            WHEN users.live THEN ' still has access'
            ELSE ' is no longer active, but still has access'
        END,
        ', which was to be revoked by the decision of ',
        CAST(CAST(revocations.decided_at AS DATE) AS VARCHAR),
        '.'
    ) AS title,
    to_json({
        'user': users.label,
        'kind': leftovers.kind,
        'decision': revocations.decision,
        'decided_by': revocations.decided_by,
        'decided_at': revocations.decided_at,
        'comment': revocations.comment,
        'review': reviews.name,
        'review_id': reviews.review_id,
        'snapshot_decided_at': revocations.snapshot_id,
        'still_there': leftovers.still,
        'since': leftovers.since,
        'active': users.active,
        'last_login': users.last_login,
        'login_known': users.login_known
    }) AS evidence
FROM leftovers
INNER JOIN revocations USING (company, user_id)
INNER JOIN users USING (company, user_id)
INNER JOIN reviews
    ON reviews.company = revocations.company
    AND reviews.review_id = revocations.review_id
