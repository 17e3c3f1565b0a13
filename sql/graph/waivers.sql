-- One row per waiver of waivers.toml: which findings are accepted, by whom, why, and until when.
-- Its findings stay in `findings`, as waived.
--
-- kind: view
-- key: company, waiver_id
-- columns:
--   company: the company's name in the settings
--   waiver_id: the same as long as nothing of the waiver is changed
--   rule: the rule whose findings it covers
--   subject: whom or what it covers: an e-mail address, an id or a name, or a pattern of
--     addresses or of names
--   object: the object that it covers, or a pattern; NULL is findings that have none
--   reason: why they are accepted
--   owner: who answers for it
--   expires: the last day on which it holds
--   read_at: when it was first read; it covers no event that was found later
--   state: active, expired, or unmatched where it speaks of no finding
--   findings: findings, open or waived, that it speaks of; an open one has grown, or it has expired
-- example: SELECT * FROM waivers ORDER BY ALL
SELECT
    company,
    waiver_id,
    rule,
    subject,
    object,
    reason,
    owner,
    expires,
    read_at,
    state,
    findings
FROM history.waivers
