-- One row per severity of a company's findings: how many there are, and how many of them are new.
--
-- kind: macro
-- parameters:
--   of_company: the company's name in the settings
--   base_at: the time of the snapshot to compare with
-- columns:
--   severity: critical, high, medium, low or info
--   open: the open findings
--   waived: the waived findings
--   opened: the open findings that were opened since
--   resolved: the findings that were resolved since
SELECT
    severity,
    count(*) FILTER (status = 'open') AS open,
    count(*) FILTER (status = 'waived') AS waived,
    count(*) FILTER (status = 'open' AND opened_at > base_at) AS opened,
    count(*) FILTER (status = 'resolved' AND resolved_at > base_at) AS resolved
FROM findings
WHERE company = of_company
GROUP BY severity
