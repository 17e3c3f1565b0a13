-- One row per admin.
SELECT label, admin_apps, last_login, live
FROM users
WHERE admin
ORDER BY last_login NULLS FIRST;
