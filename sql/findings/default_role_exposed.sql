-- One row per company whose default role shares new deals or persons with everyone, while another
-- active role shares the same kind of item with fewer users. Settings that are not known are left
-- out. Items of older settings, followers of an item, and items whose visibility somebody set are
-- not in it.
--
-- kind: rule
-- title: Default role is open to everyone
-- severity: high
-- meaning: Invited users, and users whom single sign-on creates, land in the default role. What is
--   open there is open between them and the entire company, while another role keeps the same kind
--   of item to itself. Users who are never moved out of it stay outside of that protection.
-- remedy: Choose a narrower default visibility for the default role, and move its users to the
--   roles where they belong.
-- reference: NIST SP 800-53 AC-6 (least privilege), ISO/IEC 27001:2022 A.8.3
-- needs: roles, all roles/{id}
-- identity: subject
-- grows: items
WITH narrower AS (
    SELECT
        role_visibility.company,
        role_visibility.item,
        list(coalesce(roles.name, CAST(roles.role_id AS VARCHAR)) ORDER BY roles.role_id) AS labels
    FROM role_visibility
    INNER JOIN roles USING (company, role_id)
    WHERE roles.role_id <> 1
        AND roles.active
        AND role_visibility.reach IN ('owner', 'group', 'branch')
    GROUP BY role_visibility.company, role_visibility.item
),

open_items AS (
    SELECT
        company,
        list(settings.item ORDER BY settings.item) AS items,
        list(
            {
                'item': settings.item,
                'value': settings.value,
                'since': settings.since,
                'narrower_roles': len(narrower.labels),
                'first_narrower_roles': narrower.labels[1:10]
            }
            ORDER BY settings.item
        ) AS details,
        max(settings.observed_at) AS observed_at
    FROM role_visibility AS settings
    INNER JOIN narrower USING (company, item)
    WHERE settings.role_id = 1
        AND settings.item IN ('deal', 'person')
        AND settings.reach = 'everyone'
    GROUP BY company
)

SELECT
    roles.company,
    'role' AS subject_kind,
    CAST(roles.role_id AS VARCHAR) AS subject_id,
    CAST(NULL AS VARCHAR) AS object,
    'high' AS severity,
    concat(
        'The default role ',
        coalesce(roles.name, CAST(roles.role_id AS VARCHAR)),
        ', where new users land, shares every new ',
        array_to_string(open_items.items, ' and '),
        ' with everyone, while other roles do not.'
    ) AS title,
    to_json({
        'role': roles.name,
        'items': open_items.items,
        'settings': open_items.details,
        'members': roles.members,
        'observed_at': open_items.observed_at
    }) AS evidence
FROM open_items
INNER JOIN roles ON roles.company = open_items.company
WHERE roles.role_id = 1
    AND roles.active IS NOT FALSE
