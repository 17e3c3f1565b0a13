-- One row per user who became an admin within `new_user_admin_days` of the account's creation. If
-- Pipedrive gives no creation time, or one in the future, the time when the user was first seen
-- counts instead. The event is that the user became an admin of a first app, which includes the
-- snapshot that saw the user for the first time. Users of the company's first snapshot are left
-- out: their accounts are older than the records. The event ends when the user is not an admin of
-- any app.
--
-- kind: rule
-- title: New user is an admin
-- severity: high
-- meaning: An account became an admin within 7 days (default threshold) of its creation. Attackers
--   who take over a company create an admin account for later use; a new employee rarely starts as
--   an admin.
-- remedy: Ask who created the account and who uses it. If nobody knows, deactivate it.
-- reference: NIST SP 800-53 AC-2(7) (privileged accounts), CIS Controls v8 5.4
-- needs: users
-- identity: subject, snapshot_id
-- event: yes
WITH admin_versions AS (
    SELECT
        company,
        user_id,
        valid_from AS since,
        versions.admin,
        lag(versions.admin) OVER admin_nights AS admin_before
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
        since,
        admin_before
    FROM admin_versions
    WHERE admin_versions.admin
        AND admin_versions.admin_before IS NOT TRUE
    QUALIFY row_number() OVER (PARTITION BY company, user_id ORDER BY since DESC) = 1
),

first_reads AS (
    SELECT
        company,
        min(started_at) AS began_at
    FROM snapshots
    WHERE status IN ('complete', 'partial')
    GROUP BY company
),

new_admins AS (
    SELECT
        company,
        user_id,
        beginnings.since,
        CASE
            WHEN users.created <= beginnings.since THEN users.created
            ELSE users.first_seen
        END AS created_at
    FROM beginnings
    INNER JOIN users USING (company, user_id)
    INNER JOIN first_reads USING (company)
    -- an admin status that is known for the first time counts for new users only
    WHERE beginnings.admin_before IS NOT NULL
        OR users.first_seen > first_reads.began_at
)

SELECT
    new_admins.company,
    'user' AS subject_kind,
    CAST(new_admins.user_id AS VARCHAR) AS subject_id,
    CAST(NULL AS VARCHAR) AS object,
    event_snapshots.snapshot_id,
    'high' AS severity,
    concat(
        users.label,
        CASE
            WHEN new_admins.since = users.first_seen THEN ' is new, and an admin'
            ELSE ' has become an admin'
        END,
        CASE
            WHEN len(users.admin_apps) > 0 THEN ' of ' || array_to_string(users.admin_apps, ', ')
        END,
        ', ',
        date_sub('day', new_admins.created_at, new_admins.since),
        if(date_sub('day', new_admins.created_at, new_admins.since) = 1, ' day', ' days'),
        ' after the account was ',
        CASE WHEN new_admins.created_at = users.created THEN 'created.' ELSE 'first seen.' END
    ) AS title,
    to_json({
        'user': users.label,
        'active': users.active,
        'admin_apps': users.admin_apps,
        'since': new_admins.since,
        'snapshots': event_snapshots.compared,
        'created': users.created,
        'first_seen': users.first_seen,
        'days': date_sub('day', new_admins.created_at, new_admins.since),
        'threshold_days': rule_thresholds.new_user_admin_days,
        'last_login': users.last_login,
        'login_known': users.login_known
    }) AS evidence
FROM new_admins
INNER JOIN event_snapshots
    ON event_snapshots.company = new_admins.company
    AND event_snapshots.read_at = new_admins.since
INNER JOIN users
    ON users.company = new_admins.company
    AND users.user_id = new_admins.user_id
INNER JOIN rule_thresholds
    ON rule_thresholds.company = new_admins.company
WHERE new_admins.since
    <= new_admins.created_at + to_days(rule_thresholds.new_user_admin_days)
