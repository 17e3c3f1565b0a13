-- One row per subject whose rows in a history table the snapshot contains completely.
-- Current history rows of such a subject that the snapshot does not repeat are ended. The rows of
-- other subjects are carried forward, because the subject was not requested, was not answered, or
-- its answer is held back.
--
-- key: company, history_table, subject_id
-- columns:
--   company: the company's name in the settings
--   history_table: users, roles, permission_sets, user_roles, user_permissions, role_visibility,
--     role_pipelines, pipelines or teams
--   subject_id: the user, role, set, pipeline or team
SELECT company, history_table, subject_id
FROM staging.answered_in_full
ANTI JOIN staging.held_answers AS held
    ON
        answered_in_full.history_table = 'user_permissions'
        AND held.company = answered_in_full.company
        AND CAST(held.user_id AS VARCHAR) = answered_in_full.subject_id
