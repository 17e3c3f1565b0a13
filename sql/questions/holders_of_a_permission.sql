-- One row per user who can sign in and holds a permission.
SELECT name, email, roles, sets, admin, explained
FROM who_can($permission)
WHERE live;
