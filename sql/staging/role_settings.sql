-- One row per role and kind of item whose default visibility the snapshot's answers give, as
-- received.
-- The settings are in the answer about a role that was requested by its id. An answer without
-- settings has no rows. Snapshots whose run did not collect visibility have none either.
--
-- key: company, role_id, item
-- columns:
--   company: the company's name in the settings
--   role_id: Pipedrive's id of the role
--   item: deal, lead, org, person or product
--   field: the name of the setting
--   kind: json_type of the setting; NULL if it is missing
--   received: the setting as text
WITH answers AS (
    SELECT
        answers.company,
        as_id(answers.asked.id) AS role_id,
        arg_max(answers.answer -> '$.additional_data.settings', answers.answered_at) AS settings
    FROM landing.answers AS answers
    INNER JOIN landing.batch AS batch ON batch.company = answers.company AND batch.visibility
    WHERE
        answers.endpoint = 'roles/{id}'
        AND answers.outcome = 'answered'
        AND json_type(answers.answer, '$.additional_data.settings') = 'OBJECT'
        AND as_id(answers.asked.id) IS NOT NULL
    GROUP BY answers.company, as_id(answers.asked.id)
),

items AS (
    SELECT unnest(['deal', 'lead', 'org', 'person', 'product']) AS item
)

SELECT
    answers.company,
    answers.role_id,
    items.item,
    concat(items.item, '_default_visibility') AS field,
    json_type(
        json_extract(answers.settings, concat('$.', items.item, '_default_visibility'))
    ) AS kind,
    json_extract_string(
        answers.settings, concat('$.', items.item, '_default_visibility')
    ) AS received
FROM answers
CROSS JOIN items
SEMI JOIN staging.role_records AS roles
    ON roles.company = answers.company AND roles.role_id = answers.role_id
