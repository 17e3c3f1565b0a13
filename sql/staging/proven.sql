-- One row per subject whose rows in a history table tonight's answers tell in full.
-- What the history holds of such a subject, and tonight does not repeat, is over. Whoever is not
-- here was not asked for, or not answered, or the answer is held back: their rows are carried
-- forward.
--
-- key: company, history_table, subject_id
-- columns:
--   company: the company's name in the settings
--   history_table: users, roles, permission_sets, user_roles or user_permissions
--   subject_id: the user, role or set
SELECT company, history_table, subject_id
FROM staging.told_in_full
ANTI JOIN staging.held_answers AS held
    ON
        told_in_full.history_table = 'user_permissions'
        AND held.company = told_in_full.company
        AND CAST(held.user_id AS VARCHAR) = told_in_full.subject_id
