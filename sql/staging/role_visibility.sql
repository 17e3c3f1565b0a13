-- One row per role and kind of item in the snapshot's answers: the default visibility of new items.
-- A missing or unreadable value keeps the last known one; NULL if it was never known.
--
-- key: company, role_id, item
-- columns:
--   company: the company's name in the settings
--   role_id: Pipedrive's id of the role
--   item: deal, lead, org, person or product
--   value: 1, 3, 5 or 7
SELECT
    received.company,
    received.role_id,
    received.item,
    or_last(received.kind, as_visibility(received.received), last.value) AS value
FROM staging.role_settings AS received
LEFT JOIN history.role_visibility AS last
    ON
        last.company = received.company
        AND last.role_id = received.role_id
        AND last.item = received.item
        AND last.valid_to IS NULL
