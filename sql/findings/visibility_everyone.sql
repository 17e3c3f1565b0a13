-- One row per active role and kind of item that the role shares with everyone, while at least two
-- other active roles share it with fewer users. Settings that are not known do not count. Items of
-- older settings, followers of an item, and items whose visibility somebody set are not in it.
--
-- kind: rule
-- title: Role shares with everyone
-- severity: low
-- meaning: New items of this role's members are open to the entire company, while other roles keep
--   theirs to themselves (at least 2, by default). That may be wanted, or be left over from before
--   the company used roles.
-- remedy: Ask the owner of the role whether everybody needs these items. If not, choose the role,
--   or the role and the roles below it, as the default visibility.
-- reference: ISO/IEC 27001:2022 A.8.3 (information access restriction)
-- needs: roles, all roles/{id}
-- identity: subject, object
WITH settings AS (
    SELECT
        role_visibility.company,
        role_visibility.role_id,
        roles.name,
        roles.members,
        role_visibility.item,
        role_visibility.value,
        role_visibility.reach,
        role_visibility.since,
        role_visibility.observed_at
    FROM role_visibility
    INNER JOIN roles USING (company, role_id)
    WHERE roles.active
),

narrower AS (
    SELECT
        company,
        item,
        count(*) AS roles,
        list(coalesce(name, CAST(role_id AS VARCHAR)) ORDER BY role_id) AS labels
    FROM settings
    WHERE reach IN ('owner', 'group', 'branch')
    GROUP BY company, item
)

SELECT
    company,
    'role' AS subject_kind,
    CAST(settings.role_id AS VARCHAR) AS subject_id,
    item AS object,
    'low' AS severity,
    concat(
        'The role ',
        coalesce(settings.name, CAST(settings.role_id AS VARCHAR)),
        ' shares every new ',
        item, ' with everyone, while ', narrower.roles, ' other roles do not.'
    ) AS title,
    to_json({
        'role': settings.name,
        'item': item,
        'value': settings.value,
        'since': settings.since,
        'members': settings.members,
        'narrower_roles': narrower.roles,
        'first_narrower_roles': narrower.labels[1:10],
        'threshold_roles': thresholds.visibility_everyone_roles_count,
        'observed_at': settings.observed_at
    }) AS evidence
FROM settings
INNER JOIN narrower USING (company, item)
INNER JOIN rule_thresholds AS thresholds USING (company)
WHERE settings.reach = 'everyone'
    AND narrower.roles >= thresholds.visibility_everyone_roles_count
