-- One row per permission of a user that few in the same role hold.
SELECT roles.name AS role, users.label, held.permission, held.role_share
FROM user_role_permissions AS held
JOIN users USING (company, user_id)
JOIN roles ON roles.company = held.company AND roles.role_id = held.role_id
WHERE held.granted AND held.role_share < 0.2 AND roles.members >= 5
ORDER BY held.role_share;
