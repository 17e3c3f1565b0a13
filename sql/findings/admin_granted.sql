-- One row per user and app in which the user became an admin, within `event_open_days`. Users who
-- were admins when first seen are left out (see new_user_admin), and so are users whose admin
-- status is known for the first time. If Pipedrive says that a user became an admin, but not of
-- which app, the object is NULL. The event ends when the admin rights in the app are removed.
--
-- kind: rule
-- title: New admin rights
-- severity: high
-- meaning: A user became an admin between two snapshots: critical for the account settings, where
--   users and their rights are managed; high for another app.
-- remedy: Ask who granted the rights and why. If nobody knows, remove them, and check what the
--   account has done since.
-- reference: NIST SP 800-53 AC-2(7) (privileged accounts), ISO/IEC 27001:2022 A.8.2
-- needs: users
-- identity: subject, object, snapshot_id
-- event: yes
WITH app_changes AS (
    SELECT
        company,
        CAST(access_changes.subject_id AS BIGINT) AS user_id,
        access_changes.object AS app,
        snapshot_id,
        event_snapshots.compared,
        access_changes.at AS since,
        access_changes.kind
    FROM access_changes
    INNER JOIN event_snapshots USING (company, snapshot_id)
    WHERE access_changes.subject_kind = 'user'
        AND access_changes.object_kind = 'admin'
        AND access_changes.kind IN ('granted', 'revoked')
    QUALIFY row_number() OVER (
        PARTITION BY company, access_changes.subject_id, access_changes.object
        ORDER BY access_changes.at DESC
    ) = 1
),

app_grants AS (
    SELECT
        company,
        user_id,
        app_changes.app,
        app_changes.snapshot_id,
        app_changes.compared,
        app_changes.since
    FROM app_changes
    INNER JOIN users USING (company, user_id)
    WHERE app_changes.kind = 'granted'
        AND app_changes.since > users.first_seen
),

admin_versions AS (
    SELECT
        company,
        user_id,
        valid_from,
        versions.admin,
        versions.access_known,
        lag(versions.admin) OVER admin_nights AS admin_before,
        lag(versions.access_known) OVER admin_nights AS access_known_before
    FROM users_history AS versions
    SEMI JOIN (SELECT company, user_id FROM users WHERE admin) AS admins USING (company, user_id)
    WHERE versions.admin IS NOT NULL
    WINDOW admin_nights AS (PARTITION BY company, user_id ORDER BY valid_from)
),

-- since when each current admin has been one without a break
beginnings AS (
    SELECT
        company,
        user_id,
        valid_from AS since,
        -- a status that `access` gives for the first time is not a change
        admin_before IS FALSE AND access_known = access_known_before AS changed
    FROM admin_versions
    WHERE admin_versions.admin
        AND admin_versions.admin_before IS NOT TRUE
    QUALIFY row_number() OVER (PARTITION BY company, user_id ORDER BY valid_from DESC) = 1
),

-- Admins by `is_admin`, or by an entry of `access` that names no app.
other_grants AS (
    SELECT
        beginnings.company,
        beginnings.user_id,
        CAST(NULL AS VARCHAR) AS app,
        event_snapshots.snapshot_id,
        event_snapshots.compared,
        beginnings.since
    FROM beginnings
    INNER JOIN event_snapshots
        ON event_snapshots.company = beginnings.company
        AND event_snapshots.read_at = beginnings.since
    ANTI JOIN app_grants
        ON app_grants.company = beginnings.company
        AND app_grants.user_id = beginnings.user_id
        AND app_grants.since = beginnings.since
    WHERE beginnings.changed
),

grants AS (
    SELECT
        *
    FROM app_grants

    UNION ALL

    SELECT
        *
    FROM other_grants
)

SELECT
    grants.company,
    'user' AS subject_kind,
    CAST(grants.user_id AS VARCHAR) AS subject_id,
    grants.app AS object,
    grants.snapshot_id,
    CASE WHEN grants.app = 'account_settings' THEN 'critical' ELSE 'high' END AS severity,
    concat(
        users.label,
        ' has become an admin',
        CASE WHEN grants.app IS NOT NULL THEN ' of ' || grants.app END,
        '.'
    ) AS title,
    to_json({
        'user': users.label,
        'active': users.active,
        'app': grants.app,
        'admin_apps_before': earlier.admin_apps,
        'admin_apps': users.admin_apps,
        'is_admin_before': earlier.is_admin,
        'is_admin': versions.is_admin,
        'since': grants.since,
        'snapshots': grants.compared,
        'last_login': users.last_login,
        'login_known': users.login_known,
        'created': users.created,
        'first_seen': users.first_seen
    }) AS evidence
FROM grants
INNER JOIN users USING (company, user_id)
INNER JOIN users_history AS versions
    ON versions.company = grants.company
    AND versions.user_id = grants.user_id
    AND versions.valid_from = grants.since
LEFT JOIN users_history AS earlier
    ON earlier.company = grants.company
    AND earlier.user_id = grants.user_id
    AND earlier.valid_to = grants.since
