-- One row per waiver of waivers.toml: which findings are accepted, by which owner, why, and until
-- when.
-- Its findings stay in `findings`, with the status waived.
--
-- kind: view
-- key: company, waiver_id
-- columns:
--   company: the company's name in the settings
--   waiver_id: the same as long as the waiver is not changed
--   rule: the rule whose findings it covers
--   subject: the subject that it covers: an e-mail address, an id or a name, or a pattern of
--     addresses or names
--   object: the object that it covers, or a pattern; NULL means findings without an object
--   reason: why they are accepted
--   owner: the person responsible for it
--   expires: the last day of the waiver
--   read_at: when it was first read; it covers no event that was found later
--   state: active, expired, or unmatched if it matches no finding
--   findings: how many findings it matches, open or waived; a finding is open if it has grown or
--     the waiver has expired
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
