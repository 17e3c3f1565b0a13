-- One row per user who held a permission at a moment and no longer holds it.
SELECT name, email, since
FROM access_at($moment)
WHERE permission = $permission
    AND (company, user_id) NOT IN (
        -- people who still hold it, or may hold it
        SELECT company, user_id FROM user_permissions
        WHERE permission = $permission AND granted IS NOT FALSE
        UNION ALL
        SELECT company, user_id FROM users WHERE permissions_source IS NULL
    );
