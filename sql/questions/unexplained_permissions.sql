-- One row per permission of a user that no permission set explains.
SELECT users.label, held.permission, held.role_share
FROM user_role_permissions AS held
JOIN users USING (company, user_id)
WHERE held.granted AND len(held.granted_by) = 0 AND NOT held.granted_by_admin;
