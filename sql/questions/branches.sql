-- One row per branch of the role tree.
SELECT top.name AS branch, CAST(sum(below.members) AS BIGINT) AS people
FROM role_tree AS tree
JOIN roles AS top ON top.company = tree.company AND top.role_id = tree.ancestor_role_id
JOIN roles AS below ON below.company = tree.company AND below.role_id = tree.role_id
WHERE top.depth = 1
GROUP BY ALL
ORDER BY people DESC;
