-- One row per finding that is resolved by this snapshot, and why.
-- A finding that its rule no longer has is resolved only on proof: all answers that the rule needs
-- were received, or its subject is gone, or the rule no longer exists, or it is an event that is
-- too old.
--
-- key: company, finding_id
-- writes: history.findings
-- columns:
--   company: the company's name in the settings
--   finding_id: the finding
--   resolved_reason: fixed, subject gone, rule changed, or closed after so many days
WITH silent AS (
    SELECT
        findings.finding_id,
        findings.company,
        findings.rule,
        findings.subject_kind,
        findings.subject_id,
        findings.rule_sha256,
        findings.last_seen,
        -- too old for its rule to report; the age is the proof
        CASE
            WHEN events.started_at < batch.as_of - to_days(thresholds.event_open_days)
                THEN thresholds.event_open_days
        END AS closed_after
    FROM history.findings AS findings
    INNER JOIN landing.batch AS batch ON findings.company = batch.company
    LEFT JOIN rule_thresholds AS thresholds ON findings.company = thresholds.company
    LEFT JOIN history.snapshots AS events
        ON findings.company = events.company AND findings.snapshot_id = events.snapshot_id
    ANTI JOIN lifecycle.firing AS firing ON findings.finding_id = firing.finding_id
    WHERE findings.status <> 'resolved'
),

-- findings about users by rules that need the contents of permission sets
of_sets AS (
    SELECT
        silent.finding_id,
        silent.company,
        silent.subject_id,
        silent.last_seen
    FROM silent
    INNER JOIN run.rule_needs AS needs
        ON
            silent.rule = needs.rule
            AND needs.scope = 'all'
            AND needs.endpoint = 'permissionSets/{id}'
    WHERE silent.subject_kind = 'user'
),

holes AS (
    SELECT DISTINCT
        coverage.company,
        coverage.endpoint,
        listed.role_id IS NOT NULL AS is_listed
    FROM history.coverage AS coverage
    LEFT JOIN staging.role_records AS listed
        ON
            listed.endpoint = 'roles'
            AND coverage.endpoint = 'roles/{id}'
            AND coverage.company = listed.company
            AND coverage.subject_id = CAST(listed.role_id AS VARCHAR)
    WHERE
        coverage.outcome <> 'answered'
        -- for a subject that is requested by id because it is in no list, a 404 is an answer
        AND NOT (
            coverage.outcome = 'gone'
            AND coverage.endpoint IN ('users/{id}', 'roles/{id}', 'permissionSets/{id}')
            AND listed.role_id IS NULL
        )
),

unproven AS (
    SELECT silent.finding_id
    FROM silent
    -- for a rule about users and permission sets, a set does not need the answer about a user
    INNER JOIN run.rule_needs AS needs
        ON
            silent.rule = needs.rule
            AND (
                needs.scope <> 'own'
                OR silent.subject_kind = CASE split_part(needs.endpoint, '/', 1)
                    WHEN 'roles' THEN 'role'
                    WHEN 'permissionSets' THEN 'permission_set'
                    ELSE 'user'
                END
            )
    LEFT JOIN history.coverage AS own
        ON
            needs.scope <> 'all'
            AND silent.company = own.company
            AND needs.endpoint = own.endpoint
            AND if(needs.scope = 'own', silent.subject_id, NULL) IS NOT DISTINCT FROM own.subject_id
    -- a user who was not requested may be completely known from the members of the roles
    LEFT JOIN staging.proven AS proven
        ON
            needs.scope = 'own'
            AND silent.company = proven.company
            AND needs.history_table = proven.history_table
            AND silent.subject_id = proven.subject_id
    -- for a rule that reads no settings of roles, the list of roles is enough
    LEFT JOIN lifecycle.visibility_rules AS setting_rules
        ON silent.rule = setting_rules.rule AND setting_rules.read_settings
    LEFT JOIN holes
        ON
            needs.scope = 'all'
            AND silent.company = holes.company
            AND needs.endpoint = holes.endpoint
            AND (setting_rules.rule IS NOT NULL OR NOT holes.is_listed)
    WHERE if(
        needs.scope = 'all',
        holes.company IS NOT NULL,
        own.outcome IS DISTINCT FROM 'answered' AND proven.company IS NULL
    )

    UNION

    -- the user has a set with unknown contents: as long as the user's permissions are the same,
    -- nothing is fixed
    SELECT of_sets.finding_id
    FROM of_sets
    INNER JOIN user_permission_sets AS entries
        ON
            of_sets.company = entries.company
            AND of_sets.subject_id = CAST(entries.user_id AS VARCHAR)
    LEFT JOIN permission_sets AS sets
        ON
            entries.company = sets.company
            AND entries.permission_set_id = sets.permission_set_id
    ANTI JOIN proven_absences AS absent
        ON
            entries.company = absent.company
            AND absent.subject_kind = 'permission_set'
            AND entries.permission_set_id = absent.subject_id
    ANTI JOIN access_changes AS changes
        ON
            of_sets.company = changes.company
            AND changes.subject_kind = 'user'
            AND of_sets.subject_id = changes.subject_id
            AND changes.object_kind = 'permission'
            AND changes.changed_at > of_sets.last_seen
    WHERE sets.contents IS NULL AND entries.permission_set_id IS NOT NULL

    UNION

    -- the user's present sets are not known
    SELECT of_sets.finding_id
    FROM of_sets
    INNER JOIN history.coverage AS access
        ON
            of_sets.company = access.company
            AND access.endpoint = 'users/{id}/access'
            AND of_sets.subject_id = access.subject_id
    WHERE access.outcome <> 'answered'

    UNION

    -- renaming a role to the expected name does not fix anything either
    SELECT silent.finding_id
    FROM silent
    INNER JOIN run.rule_needs AS needs
        ON silent.rule = needs.rule AND needs.endpoint = 'roster/{id}/expectedRole'
    INNER JOIN user_roles AS assigned
        ON
            silent.company = assigned.company
            AND silent.subject_id = CAST(assigned.user_id AS VARCHAR)
            AND assigned.active
    INNER JOIN renames
        ON
            silent.company = renames.company
            AND renames.subject_kind = 'role'
            AND renames.subject_id = CAST(assigned.role_id AS VARCHAR)
            AND renames.renamed_at > silent.last_seen
    WHERE silent.subject_kind = 'user'

    UNION

    -- as long as it is not known for some role, the pipeline may be as hidden as before
    SELECT silent.finding_id
    FROM silent
    INNER JOIN run.rule_reads AS reads
        ON silent.rule = reads.rule AND reads.table_name = 'main.role_pipelines'
    INNER JOIN role_pipelines AS shown
        ON
            silent.company = shown.company
            AND silent.subject_id = CAST(shown.pipeline_id AS VARCHAR)
    INNER JOIN pipelines
        ON shown.company = pipelines.company AND shown.pipeline_id = pipelines.pipeline_id
    INNER JOIN roles ON shown.company = roles.company AND shown.role_id = roles.role_id
    WHERE
        silent.subject_kind = 'pipeline'
        AND shown.visible IS NULL
        AND pipelines.deleted IS NOT TRUE
        AND roles.active IS NOT FALSE

    UNION

    -- with the owners for whom it is not known, the user may see as many deals as before
    SELECT silent.finding_id
    FROM silent
    INNER JOIN run.rule_reads AS reads
        ON silent.rule = reads.rule AND reads.table_name = 'main.default_reach'
    INNER JOIN default_reach AS reaches
        ON
            silent.company = reaches.company
            AND silent.subject_id = CAST(reaches.user_id AS VARCHAR)
            AND reaches.item = 'deal'
    INNER JOIN rule_thresholds AS thresholds ON silent.company = thresholds.company
    WHERE
        silent.subject_kind = 'user'
        AND reaches.owners_unknown > 0
        AND reaches.owners_seen + reaches.owners_unknown
        >= least(thresholds.broad_export_share, thresholds.broad_visibility_share) * reaches.owners

    UNION

    -- an abstaining rule gives no proof about its earlier findings; if the answer about a subject
    -- may still exist, such as a deactivated user's, coverage has it
    SELECT silent.finding_id
    FROM silent
    INNER JOIN lifecycle.abstentions AS abstentions
        ON silent.company = abstentions.company AND silent.rule = abstentions.rule
    WHERE NOT abstentions.covered
),

versions AS (
    SELECT
        company,
        'user' AS subject_kind,
        CAST(user_id AS VARCHAR) AS subject_id,
        valid_to
    FROM users_history
    UNION ALL
    SELECT
        company,
        'role' AS subject_kind,
        CAST(role_id AS VARCHAR) AS subject_id,
        valid_to
    FROM roles_history
    UNION ALL
    SELECT
        company,
        'permission_set' AS subject_kind,
        permission_set_id AS subject_id,
        valid_to
    FROM permission_sets_history
    UNION ALL
    SELECT
        company,
        'pipeline' AS subject_kind,
        CAST(pipeline_id AS VARCHAR) AS subject_id,
        valid_to
    FROM pipelines_history
    UNION ALL
    SELECT
        company,
        'team' AS subject_kind,
        CAST(team_id AS VARCHAR) AS subject_id,
        valid_to
    FROM teams_history
),

-- a subject that never existed is not gone: a custom rule may use other names for its subjects
gone AS (
    SELECT silent.finding_id
    FROM silent
    INNER JOIN versions
        ON
            silent.company = versions.company
            AND silent.subject_kind = versions.subject_kind
            AND silent.subject_id = versions.subject_id
    GROUP BY silent.finding_id
    HAVING bool_and(versions.valid_to IS NOT NULL)
)

SELECT
    silent.company,
    silent.finding_id,
    CASE
        WHEN gone.finding_id IS NOT NULL THEN 'subject gone'
        WHEN silent.closed_after IS NOT NULL
            THEN concat('closed after ', silent.closed_after, ' days')
        WHEN silent.rule_sha256 IS DISTINCT FROM fingerprints.rule_sha256 THEN 'rule changed'
        ELSE 'fixed'
    END AS resolved_reason
FROM silent
LEFT JOIN lifecycle.rule_fingerprints AS fingerprints
    ON silent.company = fingerprints.company AND silent.rule = fingerprints.rule
LEFT JOIN gone ON silent.finding_id = gone.finding_id
LEFT JOIN unproven ON silent.finding_id = unproven.finding_id
ANTI JOIN run.broken_rules AS broken ON silent.rule = broken.rule
WHERE
    gone.finding_id IS NOT NULL
    OR silent.closed_after IS NOT NULL
    OR fingerprints.rule IS NULL
    OR unproven.finding_id IS NULL
