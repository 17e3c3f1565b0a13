-- One row per role and kind of item whose default visibility has become wider, within
-- `event_open_days`. A setting that becomes known for the first time has not changed. The event
-- ends when the setting is as narrow as before, or narrower. A larger value is wider on every plan;
-- a change of the plan is not an event. Items of older settings, followers of an item, and items
-- whose visibility somebody set are not in it.
--
-- kind: rule
-- title: Visibility widened
-- severity: high
-- meaning: New items of the role's members are seen by more people than before. One setting changes
--   what a whole department shows, without a change to any user.
-- remedy: Ask who widened the default visibility of the role, and why. If nobody knows, set it
--   back.
-- reference: NIST SP 800-53 AC-3 (access enforcement), ISO/IEC 27001:2022 A.8.3
-- needs: roles, roles/{id}
-- identity: subject, object, snapshot_id
-- event: yes
-- grows: members
WITH steps AS (
    SELECT
        company,
        CAST(access_changes.subject_id AS BIGINT) AS role_id,
        split_part(access_changes.object, '_', 1) AS item,
        snapshot_id,
        event_snapshots.compared,
        access_changes.changed_at AS since,
        CAST(access_changes.before AS INTEGER) AS value_before,
        CAST(access_changes.after AS INTEGER) AS value_after
    FROM access_changes
    INNER JOIN event_snapshots USING (company, snapshot_id)
    WHERE access_changes.subject_kind = 'role'
        AND access_changes.kind = 'changed'
        AND ends_with(access_changes.object, '_default_visibility')
)

SELECT
    steps.company,
    'role' AS subject_kind,
    CAST(steps.role_id AS VARCHAR) AS subject_id,
    steps.item AS object,
    steps.snapshot_id,
    'high' AS severity,
    concat(
        'The role ', coalesce(roles.name, CAST(steps.role_id AS VARCHAR)), ' shares every new ',
        steps.item, ' with more people than before',
        CASE settings.reach
            WHEN 'group' THEN ': now with its members'
            WHEN 'branch' THEN ': now with its members and the roles below it'
            WHEN 'everyone' THEN ': now with everyone'
        END,
        '.'
    ) AS title,
    to_json({
        'role': roles.name,
        'item': steps.item,
        'value_before': steps.value_before,
        'value_after': steps.value_after,
        'value_now': settings.value,
        'reach_now': settings.reach,
        'since': steps.since,
        'snapshots': steps.compared,
        'members': roles.members
    }) AS evidence
FROM steps
INNER JOIN roles USING (company, role_id)
INNER JOIN role_visibility AS settings USING (company, role_id, item)
WHERE steps.value_after > steps.value_before
    AND coalesce(settings.value > steps.value_before, TRUE)
