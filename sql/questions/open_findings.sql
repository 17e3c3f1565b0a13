-- One row per open finding, the worst first.
SELECT severity, rule, title, first_seen
FROM findings
WHERE status = 'open'
ORDER BY list_position(['critical', 'high', 'medium', 'low', 'info'], severity), rule;
