-- One row per role or permission set that is proven not to be there.
-- It was asked for by its id, because something names it or it used to be listed, and the answer
-- was a 404. The proof lasts until it is listed, also through a night in which asking again fails.
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

    -- once answered for; what has nothing to show for it was answered for with a 404
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
