-- One row per rule that runs, built-in or custom: what it finds, and what to do about it.
-- The rules are the same for all companies. A custom rule that cannot be run keeps its last row.
--
-- kind: view
-- key: rule
-- columns:
--   rule: the name of the rule, which is the name of its file
--   title: what it finds, in a few words
--   severity: the usual severity of its findings: critical, high, medium, low or info; a finding
--     may have another one
--   event: whether it finds events, which stay open until acknowledged; otherwise states, which end
--     when they are fixed
--   meaning: why its findings matter
--   remedy: what to do about a finding
--   controls: the controls of standards that it supports, such as those of ISO/IEC 27001
--   needs: the API responses that it needs, and the columns of the roster; `all` means the
--     responses about all subjects
--   sql_sha256: a digest of its query, which comments and formatting do not change
-- example: SELECT rule, severity, title FROM rules WHERE controls LIKE '%AC-6%' ORDER BY rule
SELECT
    rule,
    title,
    severity,
    event,
    meaning,
    remedy,
    controls,
    needs,
    sql_sha256
FROM policy.rules
