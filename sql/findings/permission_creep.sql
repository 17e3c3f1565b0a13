-- One row per user who carries permissions into a new role or accumulates them, within
-- `event_open_days`. Carried: the user, not an admin, moved to another role and still holds
-- permissions that were usual in the old role (at least `creep_holders_share` of its members held
-- them just before) and are unusual in the new one (fewer hold them just after); the snapshot is
-- that of the move. Accumulated: the user holds over `creep_growth_share` more permissions than
-- `creep_days` before, or than in the first response about the user if that came later; the
-- snapshot is the one that crossed this threshold. Permissions that came by the edit of a set do
-- not count (see permission_set_changed). Neither do permissions that a user lost by being
-- deactivated or deleted and regained by being reactivated, nor users who held nothing before. All
-- is measured as of that snapshot; the passing of time and later changes of other users do not
-- alter it. The event ends when no carried permission is left or the user has left the new role,
-- and when the number is back at the threshold.
--
-- kind: rule
-- title: Permission creep
-- severity: medium
-- meaning: Permissions of an earlier job stay when a person takes another job, or exceptions add
--   up. In the end, one account can do what nobody would have granted at once.
-- remedy: Compare the user with colleagues in the same role, and remove what the present job does
--   not need.
-- reference: NIST SP 800-53 AC-6(7) (review of user privileges), ISO/IEC 27001:2022 A.5.18
-- needs: users, users/{id}/roleAssignments, users/{id}/permissions
-- identity: subject, snapshot_id
-- event: yes
WITH role_changes AS (
    SELECT
        company,
        CAST(access_changes.subject_id AS BIGINT) AS user_id,
        CAST(access_changes.object AS BIGINT) AS role_id,
        snapshot_id,
        event_snapshots.compared,
        access_changes.at AS since,
        access_changes.kind
    FROM access_changes
    INNER JOIN event_snapshots USING (company, snapshot_id)
    WHERE access_changes.subject_kind = 'user'
        AND access_changes.object_kind = 'role'
        AND access_changes.kind IN ('granted', 'revoked')
),

-- Moves from one role to another, in which the user still is.
moves AS (
    SELECT
        company,
        user_id,
        snapshot_id,
        arrivals.compared,
        since,
        arrivals.role_id AS new_role_id,
        departures.role_id AS old_role_id
    FROM role_changes AS arrivals
    INNER JOIN role_changes AS departures USING (company, user_id, snapshot_id, since)
    INNER JOIN users USING (company, user_id)
    -- as the user was then: later admin rights or a deactivation do not end the event
    INNER JOIN users_history AS versions
        ON versions.company = arrivals.company
        AND versions.user_id = arrivals.user_id
        AND versions.valid_from <= arrivals.since
        AND coalesce(versions.valid_to > arrivals.since, TRUE)
    ANTI JOIN role_changes AS later
        ON later.company = arrivals.company
        AND later.user_id = arrivals.user_id
        AND later.role_id = arrivals.role_id
        AND later.since > arrivals.since
    WHERE arrivals.kind = 'granted'
        AND departures.kind = 'revoked'
        AND since > users.first_seen
        AND versions.live
        AND NOT versions.admin
        -- otherwise it is unknown what the user still holds
        AND users.permissions_observed_at >= since
),

-- The semi join limits this to the few users who may have moved; without it, DuckDB reads the flags
-- of all users.
mover_flags AS (
    SELECT
        company,
        user_id,
        flags.permission,
        flags.valid_from
    FROM user_permissions_history AS flags
    SEMI JOIN role_changes USING (company, user_id)
    WHERE flags.granted
        AND flags.valid_to IS NULL
),

kept_flags AS (
    SELECT
        company,
        user_id,
        moves.snapshot_id,
        moves.compared,
        moves.since,
        moves.new_role_id,
        moves.old_role_id,
        flags.permission
    FROM moves
    INNER JOIN mover_flags AS flags USING (company, user_id)
    WHERE flags.valid_from < moves.since
),

-- The state of the roles: the old role just before the move, the new role just after it.
role_moments AS (
    SELECT DISTINCT
        company,
        old_role_id AS role_id,
        since,
        FALSE AS afterwards
    FROM moves

    UNION

    SELECT DISTINCT
        company,
        new_role_id AS role_id,
        since,
        TRUE AS afterwards
    FROM moves
),

-- Materialized; otherwise DuckDB first joins every user with every moment of the company.
moment_memberships AS MATERIALIZED (
    SELECT DISTINCT
        company,
        role_id,
        role_moments.since,
        role_moments.afterwards,
        user_id
    FROM role_moments
    INNER JOIN user_roles_history AS memberships USING (company, role_id)
    WHERE memberships.active
        AND CASE
            WHEN role_moments.afterwards
                THEN memberships.valid_from <= role_moments.since
                    AND coalesce(memberships.valid_to > role_moments.since, TRUE)
            ELSE memberships.valid_from < role_moments.since
                AND coalesce(memberships.valid_to >= role_moments.since, TRUE)
        END
),

moment_members AS (
    SELECT
        company,
        members.role_id,
        members.since,
        members.afterwards,
        user_id
    FROM moment_memberships AS members
    INNER JOIN users_history AS versions USING (company, user_id)
    INNER JOIN history.observations AS observations
        ON observations.company = members.company
        AND observations.history_table = 'user_permissions'
        AND observations.subject_id = CAST(user_id AS VARCHAR)
    WHERE versions.live
        AND CASE
            WHEN members.afterwards
                THEN versions.valid_from <= members.since
                    AND coalesce(versions.valid_to > members.since, TRUE)
                    AND observations.first_at <= members.since
            ELSE versions.valid_from < members.since
                AND coalesce(versions.valid_to >= members.since, TRUE)
                AND observations.first_at < members.since
        END
),

moment_sizes AS (
    SELECT
        company,
        role_id,
        since,
        afterwards,
        count(*) AS members
    FROM moment_members
    GROUP BY company, role_id, since, afterwards
),

moment_holders AS (
    SELECT
        company,
        role_id,
        moments.since,
        moments.afterwards,
        flags.permission,
        count(*) AS holders
    FROM moment_members AS moments
    INNER JOIN user_permissions_history AS flags USING (company, user_id)
    WHERE flags.granted
        AND CASE
            WHEN moments.afterwards
                THEN flags.valid_from <= moments.since
                    AND coalesce(flags.valid_to > moments.since, TRUE)
            ELSE flags.valid_from < moments.since
                AND coalesce(flags.valid_to >= moments.since, TRUE)
        END
    GROUP BY ALL
),

carried_flags AS (
    SELECT
        kept_flags.company,
        kept_flags.user_id,
        kept_flags.snapshot_id,
        kept_flags.compared,
        kept_flags.permission,
        kept_flags.since,
        kept_flags.old_role_id,
        kept_flags.new_role_id,
        old_holders.holders AS old_holders,
        old_sizes.members AS old_members,
        coalesce(new_holders.holders, 0) AS new_holders,
        new_sizes.members AS new_members
    FROM kept_flags
    INNER JOIN rule_thresholds USING (company)
    INNER JOIN moment_sizes AS old_sizes
        ON old_sizes.company = kept_flags.company
        AND old_sizes.role_id = kept_flags.old_role_id
        AND old_sizes.since = kept_flags.since
        AND NOT old_sizes.afterwards
    INNER JOIN moment_holders AS old_holders
        ON old_holders.company = kept_flags.company
        AND old_holders.role_id = kept_flags.old_role_id
        AND old_holders.since = kept_flags.since
        AND NOT old_holders.afterwards
        AND old_holders.permission = kept_flags.permission
    INNER JOIN moment_sizes AS new_sizes
        ON new_sizes.company = kept_flags.company
        AND new_sizes.role_id = kept_flags.new_role_id
        AND new_sizes.since = kept_flags.since
        AND new_sizes.afterwards
    LEFT JOIN moment_holders AS new_holders
        ON new_holders.company = kept_flags.company
        AND new_holders.role_id = kept_flags.new_role_id
        AND new_holders.since = kept_flags.since
        AND new_holders.afterwards
        AND new_holders.permission = kept_flags.permission
    WHERE old_holders.holders >= rule_thresholds.creep_holders_share * old_sizes.members
        AND coalesce(new_holders.holders, 0)
            < rule_thresholds.creep_holders_share * new_sizes.members
),

carried AS (
    SELECT
        carried_flags.company,
        carried_flags.user_id,
        carried_flags.snapshot_id,
        any_value(carried_flags.compared) AS compared,
        list(
            DISTINCT coalesce(old_roles.name, CAST(carried_flags.old_role_id AS VARCHAR))
        ) AS old_role_names,
        list(
            DISTINCT coalesce(new_roles.name, CAST(carried_flags.new_role_id AS VARCHAR))
        ) AS new_role_names,
        list(
            {
                'permission': carried_flags.permission,
                'old_role': old_roles.name,
                'old_holders': carried_flags.old_holders,
                'old_members': carried_flags.old_members,
                'new_role': new_roles.name,
                'new_holders': carried_flags.new_holders,
                'new_members': carried_flags.new_members
            }
            ORDER BY
                carried_flags.permission, carried_flags.old_role_id, carried_flags.new_role_id
        ) AS flags,
        count(DISTINCT carried_flags.permission) AS permissions
    FROM carried_flags
    LEFT JOIN roles AS old_roles
        ON old_roles.company = carried_flags.company
        AND old_roles.role_id = carried_flags.old_role_id
    LEFT JOIN roles AS new_roles
        ON new_roles.company = carried_flags.company
        AND new_roles.role_id = carried_flags.new_role_id
    GROUP BY carried_flags.company, carried_flags.user_id, carried_flags.snapshot_id
),

gainers AS (
    SELECT
        company,
        CAST(access_changes.subject_id AS BIGINT) AS user_id
    FROM access_changes
    INNER JOIN event_snapshots USING (company, snapshot_id)
    WHERE access_changes.subject_kind = 'user'
        AND access_changes.object_kind = 'permission'
        AND access_changes.kind = 'granted'
),

-- Snapshots in which a user was deactivated or deleted, or became active again.
activity_changes AS (
    SELECT DISTINCT
        company,
        subject_id,
        snapshot_id
    FROM access_changes
    WHERE access_changes.subject_kind = 'user'
        AND access_changes.object_kind = 'attribute'
        AND access_changes.object IN ('active', 'deleted')
),

-- Changes of the users who recently gained a permission, as far back as the comparison goes.
flag_changes AS (
    SELECT
        company,
        users.user_id,
        access_changes.at AS changed_at,
        access_changes.object AS permission,
        access_changes.kind,
        access_changes.edited_set IS NOT NULL
            OR activity_changes.subject_id IS NOT NULL AS explained
    FROM access_changes
    INNER JOIN current_snapshot USING (company)
    INNER JOIN rule_thresholds USING (company)
    LEFT JOIN activity_changes
        ON activity_changes.company = access_changes.company
        AND activity_changes.subject_id = access_changes.subject_id
        AND activity_changes.snapshot_id = access_changes.snapshot_id
    INNER JOIN users
        ON users.company = access_changes.company
        AND users.user_id = CAST(access_changes.subject_id AS BIGINT)
    SEMI JOIN gainers
        ON gainers.company = access_changes.company
        AND gainers.user_id = users.user_id
    WHERE access_changes.subject_kind = 'user'
        AND access_changes.object_kind = 'permission'
        AND access_changes.kind IN ('granted', 'revoked')
        AND access_changes.at > users.first_seen
        AND access_changes.at >= current_snapshot.as_of
            - to_days(rule_thresholds.event_open_days + rule_thresholds.creep_days)
),

balances AS (
    SELECT
        company,
        user_id,
        changed_at,
        count(*) FILTER (kind = 'granted') - count(*) FILTER (kind = 'revoked') AS balance,
        count(*) FILTER (kind = 'granted' AND explained)
            - count(*) FILTER (kind = 'revoked' AND explained) AS by_explained,
        list(permission ORDER BY permission) FILTER (kind = 'granted') AS gained
    FROM flag_changes
    GROUP BY company, user_id, changed_at
),

now_held AS (
    SELECT
        company,
        user_id,
        count(*) FILTER (flags.granted) AS held
    FROM user_permissions_history AS flags
    SEMI JOIN gainers USING (company, user_id)
    WHERE flags.valid_to IS NULL
    GROUP BY company, user_id
),

-- How many permissions were held after each change, counted back from now.
tallies AS (
    SELECT
        company,
        user_id,
        balances.changed_at,
        balances.balance,
        balances.by_explained,
        balances.gained,
        coalesce(now_held.held, 0)
            - coalesce(sum(balances.balance) OVER later_changes, 0) AS held_after,
        sum(balances.balance) OVER compared_changes AS balance_since,
        greatest(sum(balances.by_explained) OVER compared_changes, 0) AS by_explained_since
    FROM balances
    LEFT JOIN now_held USING (company, user_id)
    INNER JOIN rule_thresholds USING (company)
    WINDOW
        later_changes AS (
            PARTITION BY company, user_id ORDER BY balances.changed_at
            ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING
        ),
        -- the changes of the last `creep_days` up to this one
        compared_changes AS (
            PARTITION BY company, user_id ORDER BY balances.changed_at
            RANGE BETWEEN
                to_days(rule_thresholds.creep_days) - INTERVAL 1 MICROSECOND PRECEDING
                AND CURRENT ROW
        )
),

lasting_tallies AS (
    SELECT
        *,
        tallies.held_after - tallies.balance_since AS held_before,
        tallies.held_after - tallies.by_explained_since AS counted_after,
        min(tallies.held_after) OVER (
            PARTITION BY company, user_id ORDER BY tallies.changed_at
            ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING
        ) AS held_least
    FROM tallies
),

grown AS (
    SELECT
        company,
        user_id,
        event_snapshots.snapshot_id,
        event_snapshots.compared,
        held.held_before,
        held.held_after,
        held.held_after - held.balance AS held_just_before,
        held.gained
    FROM lasting_tallies AS held
    INNER JOIN rule_thresholds USING (company)
    INNER JOIN event_snapshots
        ON event_snapshots.company = held.company
        AND event_snapshots.read_at = held.changed_at
    WHERE held.held_before > 0
        AND held.counted_after > (1 + rule_thresholds.creep_growth_share) * held.held_before
        AND held.counted_after - (held.balance - held.by_explained)
            <= (1 + rule_thresholds.creep_growth_share) * held.held_before
        AND held.held_least > (1 + rule_thresholds.creep_growth_share) * held.held_before
),

creeps AS (
    SELECT
        company,
        user_id,
        snapshot_id,
        compared
    FROM carried

    UNION

    SELECT
        company,
        user_id,
        snapshot_id,
        compared
    FROM grown
)

SELECT
    company,
    'user' AS subject_kind,
    CAST(user_id AS VARCHAR) AS subject_id,
    CAST(NULL AS VARCHAR) AS object,
    snapshot_id,
    'medium' AS severity,
    concat(
        users.label,
        CASE
            WHEN carried.permissions IS NOT NULL
                THEN concat(
                    ' moved from ',
                    array_to_string(list_sort(carried.old_role_names), ', '),
                    ' to ',
                    array_to_string(list_sort(carried.new_role_names), ', '),
                    ' and kept ',
                    carried.permissions,
                    CASE
                        WHEN carried.permissions = 1 THEN ' permission that is unusual there'
                        ELSE ' permissions that are unusual there'
                    END
                )
        END,
        CASE WHEN carried.permissions IS NOT NULL AND grown.held_after IS NOT NULL THEN ', and' END,
        CASE
            WHEN grown.held_after IS NOT NULL
                THEN concat(
                    ' went from ',
                    grown.held_before,
                    ' to ',
                    grown.held_after,
                    ' permissions within ',
                    rule_thresholds.creep_days,
                    ' days'
                )
        END,
        '.'
    ) AS title,
    to_json({
        'user': users.label,
        'active': users.active,
        'since': creeps.compared.after.read_at,
        'snapshots': creeps.compared,
        'carried_along': coalesce(carried.flags, []),
        'permissions_before': grown.held_before,
        'permissions_just_before': grown.held_just_before,
        'permissions_after': grown.held_after,
        'gained': coalesce(grown.gained, []),
        'threshold_holders_share': rule_thresholds.creep_holders_share,
        'threshold_growth_share': rule_thresholds.creep_growth_share,
        'threshold_days': rule_thresholds.creep_days,
        'observed_at': users.permissions_observed_at,
        'last_login': users.last_login,
        'login_known': users.login_known,
        'created': users.created
    }) AS evidence
FROM creeps
INNER JOIN rule_thresholds USING (company)
INNER JOIN users USING (company, user_id)
LEFT JOIN carried USING (company, user_id, snapshot_id)
LEFT JOIN grown USING (company, user_id, snapshot_id)
