-- One row per role of a person, with the reason why the person holds a permission or not.
SELECT granted, explanation, role, role_share
FROM why($person, $permission);
