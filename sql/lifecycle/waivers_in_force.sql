-- One row per finding that a waiver covers: the last read of its waivers that are in force and not
-- used up.
--
-- key: company, finding_id
-- writes: history.findings
-- columns:
--   company: the company's name in the settings
--   finding_id: the finding
--   reason: why the finding is accepted
--   owner: the person responsible for the waiver
--   expires: the last day of the waiver
--   read_at: when the waiver was first read
--   fresh: whether the waiver was read after the one that last covered the finding, or is the first
SELECT
    matches.company,
    matches.finding_id,
    waivers.reason,
    waivers.owner,
    waivers.expires,
    waivers.read_at,
    findings.waiver_read_at IS NULL OR waivers.read_at > findings.waiver_read_at AS fresh
FROM lifecycle.waiver_matches AS matches
INNER JOIN run.moments AS moments ON matches.company = moments.company
INNER JOIN history.waivers AS waivers
    ON matches.company = waivers.company AND matches.waiver_id = waivers.waiver_id
INNER JOIN history.findings AS findings
    ON matches.company = findings.company AND matches.finding_id = findings.finding_id
WHERE
    waivers.expires >= CAST(moments.at AS DATE)
    AND (findings.waivers_spent_at IS NULL OR waivers.read_at > findings.waivers_spent_at)
QUALIFY row_number() OVER (
    PARTITION BY matches.company, matches.finding_id
    ORDER BY waivers.read_at DESC, waivers.expires DESC, matches.waiver_id
) = 1
