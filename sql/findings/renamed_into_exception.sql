-- One row per role, permission set or user whose name or address was changed to one that an
-- exception names: [allowed.permissions] in findings.toml, a waiver that was read before, or an
-- expected role of the roster (within `event_open_days`). A waiver for `*` names nobody. The
-- exception does not apply to the renamed subject. The finding ends when the exception no longer
-- names it, or the subject has another name.
--
-- kind: rule
-- title: Renamed to match an exception
-- severity: high
-- meaning: Somebody gave a role, permission set or account a name that is excepted from findings.
--   If the exception applied, the rename would close the findings about it.
-- remedy: Ask who renamed it, and why. If the rename is right, name the subject by its id in
--   findings.toml, or write the waiver again.
-- reference: NIST SP 800-53 CM-3 (configuration change control), AC-6
-- needs: users, roles
-- identity: subject, object
WITH exceptions AS (
    SELECT DISTINCT
        company,
        'role' AS subject_kind,
        'name' AS attribute,
        role AS entry,
        'findings.toml, [allowed.permissions]' AS list,
        CAST(NULL AS TIMESTAMP) AS read_at
    FROM policy.allowed_permissions
    WHERE NOT regexp_full_match(role, '[0-9]+')

    UNION ALL

    SELECT
        company,
        unnest(
            ['role', 'permission_set', 'pipeline', 'team', 'user', 'user']
        ) AS subject_kind,
        unnest(['name', 'name', 'name', 'name', 'name', 'email']) AS attribute,
        subject AS entry,
        'waivers.toml' AS list,
        read_at
    FROM waivers
    INNER JOIN current_snapshot USING (company)
    WHERE subject <> '*'
        AND expires >= CAST(current_snapshot.as_of AS DATE)

    UNION ALL

    SELECT DISTINCT
        company,
        'role' AS subject_kind,
        'name' AS attribute,
        expected_role AS entry,
        'the roster' AS list,
        current_snapshot.as_of - to_days(rule_thresholds.event_open_days) AS read_at
    FROM roster
    INNER JOIN current_snapshot USING (company)
    INNER JOIN rule_thresholds USING (company)
    WHERE expected_role IS NOT NULL
        AND problem IS NULL
),

matches AS (
    SELECT
        company,
        subject_kind,
        subject_id,
        entry,
        arg_max(renames.before, renames.renamed_at) AS before,
        arg_max(renames.after, renames.renamed_at) AS after,
        max(renames.renamed_at) AS renamed_at,
        list(DISTINCT exceptions.list ORDER BY exceptions.list) AS lists
    FROM renames
    INNER JOIN exceptions USING (company, subject_kind, attribute)
    WHERE coalesce(renames.renamed_at > exceptions.read_at, TRUE)
        AND contains(exceptions.entry, '@') = (renames.attribute = 'email')
        AND (
            lower(renames.after) = lower(exceptions.entry)
            OR (
                exceptions.list = 'waivers.toml'
                AND lower(renames.after) GLOB lower(exceptions.entry)
            )
        )
        -- a subject whose old name the same entry also matched was not renamed into it
        AND NOT (
            exceptions.list = 'waivers.toml'
            AND lower(renames.before) GLOB lower(exceptions.entry)
        )
    GROUP BY company, subject_kind, subject_id, entry
)

SELECT
    company,
    subject_kind,
    subject_id,
    entry AS object,
    'high' AS severity,
    concat(
        CASE subject_kind
            WHEN 'role' THEN 'Role '
            WHEN 'user' THEN 'User '
            WHEN 'pipeline' THEN 'Pipeline '
            WHEN 'team' THEN 'Team '
            ELSE 'Permission set '
        END,
        subject_id,
        ' was renamed from ''',
        before,
        ''' to ''',
        after,
        ''', which is named as an exception by ',
        array_to_string(lists, ' and '),
        '.'
    ) AS title,
    to_json({
        'before': before,
        'after': after,
        'since': renamed_at,
        'lists': lists
    }) AS evidence
FROM matches
