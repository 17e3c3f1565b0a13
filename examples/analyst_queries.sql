-- Queries for a review meeting. Open identity_graph.duckdb with the DuckDB shell, or any program that reads DuckDB.
-- NULL means that something is not known; it never means no.

-- 1. How many findings are open, per rule?
SELECT company, severity, rule, count(*) AS open_findings
FROM findings
WHERE status = 'open'
GROUP BY company, severity, rule
ORDER BY list_position(['critical', 'high', 'medium', 'low', 'info'], severity), open_findings DESC;

-- 2. Which admins have not logged in for 60 days?
SELECT users.company, label, admin_apps, last_login
FROM users
INNER JOIN current_snapshot USING (company)
WHERE users.admin AND users.live AND last_login < as_of - to_days(60)
ORDER BY last_login;

-- 3. Which sensitive permissions have the most holders?
SELECT company, permission, holders
FROM permissions
WHERE sensitive
ORDER BY holders DESC;

-- 4. Which roles give their members the widest access?
SELECT roles.company, roles.name AS role, roles.members, count(*) AS permissions
FROM role_permissions AS held
INNER JOIN roles USING (company, role_id)
WHERE held.share >= 0.8
GROUP BY ALL
ORDER BY permissions DESC;

-- 5. Who holds a permission that none of their permission sets grants?
SELECT held.company, users.label, list(held.permission ORDER BY held.permission) AS permissions
FROM user_role_permissions AS held
INNER JOIN users USING (company, user_id)
WHERE held.granted AND len(held.granted_by) = 0 AND NOT held.granted_by_admin
GROUP BY ALL
ORDER BY len(permissions) DESC;

-- 6. What changed in the last snapshot? (A first snapshot has no changes.)
SELECT company, kind, subject_kind, subject_id, object, before, after
FROM access_changes
INNER JOIN current_snapshot USING (company, snapshot_id)
ORDER BY ALL;
