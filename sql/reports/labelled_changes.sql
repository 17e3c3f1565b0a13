-- One row per change between two snapshots, with labels for its ids.
--
-- kind: macro
-- columns:
--   company: the company's name in the settings
--   snapshot_id: the snapshot that showed the change
--   changed_at: when that snapshot was started
--   at: the time of the change, as far as it is known
--   kind: added, removed, granted, revoked, changed or correction
--   subject_kind: user, role or permission_set
--   subject_id: the subject's id
--   object_kind: what `object` is
--   object: what changed of the subject; NULL for the subject itself
--   before: the value before
--   after: the value after
--   edited_set: the permission set whose edit caused the change
--   subject_label: the label of the subject
--   object_label: the label of the object, if it is a role or a permission set
--   before_label: the label of the value before, if it is a role
--   after_label: the label of the value after, if it is a role
--   edited_set_label: the label of the edited set
--   snapshot_status: complete or partial
WITH labels AS (
    SELECT
        company,
        kind,
        id,
        label
    FROM subject_labels()
)

SELECT
    changes.company,
    changes.snapshot_id,
    changes.changed_at,
    changes.at,
    changes.kind,
    changes.subject_kind,
    changes.subject_id,
    changes.object_kind,
    changes.object,
    changes.before,
    changes.after,
    changes.edited_set,
    subjects.label AS subject_label,
    objects.label AS object_label,
    befores.label AS before_label,
    afters.label AS after_label,
    edited.label AS edited_set_label,
    snapshots.status AS snapshot_status
FROM access_changes AS changes
INNER JOIN snapshots
    ON snapshots.company = changes.company
    AND snapshots.snapshot_id = changes.snapshot_id
LEFT JOIN labels AS subjects
    ON subjects.company = changes.company
    AND subjects.kind = changes.subject_kind
    AND subjects.id = changes.subject_id
LEFT JOIN labels AS objects
    ON objects.company = changes.company
    AND objects.kind = changes.object_kind
    AND objects.id = changes.object
LEFT JOIN labels AS befores
    ON befores.company = changes.company
    AND befores.kind = 'role'
    AND befores.id = changes.before
    AND changes.object_kind = 'attribute'
    AND changes.object IN ('role_id', 'parent_role_id')
LEFT JOIN labels AS afters
    ON afters.company = changes.company
    AND afters.kind = 'role'
    AND afters.id = changes.after
    AND changes.object_kind = 'attribute'
    AND changes.object IN ('role_id', 'parent_role_id')
LEFT JOIN labels AS edited
    ON edited.company = changes.company
    AND edited.kind = 'permission_set'
    AND edited.id = changes.edited_set
