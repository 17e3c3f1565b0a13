-- One row per change that the latest snapshot showed.
SELECT change.changed_at, change.kind, change.subject_kind, change.subject_id, change.object_kind,
    change.object, change.before, change.after
FROM access_changes AS change
JOIN current_snapshot USING (company, snapshot_id);
