-- One row per role or permission set that is proven not to exist.
-- It was requested by its id, because something refers to it or it was listed before, and the
-- response was a 404. The proof holds until it is listed again, even if a later request for it
-- fails.
--
-- kind: table
-- key: company, subject_kind, subject_id
-- columns:
--   company: the company's name in the settings
--   subject_kind: role or permission_set
--   subject_id: its id
-- example: SELECT user_id, subject_id AS role_id FROM proven_absences INNER JOIN user_roles USING
--   (company) WHERE subject_kind = 'role' AND subject_id = CAST(role_id AS VARCHAR)
WITH proofs AS (
    SELECT
        company,
        CASE endpoint WHEN 'roles/{id}' THEN 'role' ELSE 'permission_set' END AS subject_kind,
        subject_id
    FROM history.coverage
    WHERE endpoint IN ('roles/{id}', 'permissionSets/{id}')
        AND outcome = 'gone'

    UNION

    -- answered at least once; if the answer left no row, it was a 404
    SELECT
        company,
        CASE history_table WHEN 'roles' THEN 'role' ELSE 'permission_set' END AS subject_kind,
        subject_id
    FROM history.observations
    WHERE history_table IN ('roles', 'permission_sets')
),

present AS (
    SELECT
        company,
        'role' AS subject_kind,
        CAST(role_id AS VARCHAR) AS subject_id
    FROM roles

    UNION ALL

    SELECT
        company,
        'permission_set' AS subject_kind,
        permission_set_id AS subject_id
    FROM permission_sets
)

SELECT
    company,
    subject_kind,
    subject_id
FROM proofs
ANTI JOIN present USING (company, subject_kind, subject_id)
