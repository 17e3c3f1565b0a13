-- One row per column of every table and view of this file, and one per macro: what it contains.
-- It reads the comments stored in the file; NULL means "not known" in all tables, never "no".
--
-- kind: view
-- key: kind, name, column_name
-- columns:
--   kind: table, view or macro
--   name: the table, view or macro
--   column_name: the column; NULL for a macro
--   position: the position of the column, from 1; NULL for a macro
--   type: the type of the column; for a macro, how to call it
--   in_key: whether the column is part of the key; NULL for a macro
--   null_means: the meaning of NULL in the column; NULL if the column is never NULL
--   comment: what the column contains, or what a call of the macro returns
--   about: what a row of the table represents; NULL for a macro
-- example: SELECT column_name, type, null_means, comment FROM data_dictionary WHERE name = 'users'
WITH files AS (
    -- the database of this file, under any name it is attached by; copies of the file have the same
    -- content
    SELECT views.database_name
    FROM duckdb_views() AS views
    WHERE views.view_name = 'data_dictionary'
        AND contains(views.sql, 'the id of this file')
    ORDER BY views.database_name
    LIMIT 1
),

relations AS (
    SELECT
        'table' AS kind,
        tables.table_name AS name,
        tables.comment AS about
    FROM duckdb_tables() AS tables
    WHERE tables.database_name IN (FROM files)

    UNION ALL

    SELECT
        'view' AS kind,
        views.view_name AS name,
        views.comment AS about
    FROM duckdb_views() AS views
    WHERE views.database_name IN (FROM files)
        AND NOT views.internal
),

keys AS (
    -- the comment ends with "Key: company, user_id."
    SELECT
        kind,
        name,
        about,
        string_split(regexp_extract(about, 'Key: ([a-z_, ]+)\.$', 1), ', ') AS key_columns
    FROM relations
)

SELECT
    keys.kind,
    name,
    columns.column_name,
    columns.column_index AS position,
    columns.data_type AS type,
    list_contains(keys.key_columns, columns.column_name) AS in_key,
    CASE
        WHEN contains(columns.comment, 'NULL')
            THEN regexp_extract(columns.comment, 'NULL (?:is |means )?(.*)$', 1)
        WHEN columns.column_name <> 'company' THEN 'not known'
    END AS null_means,
    columns.comment,
    keys.about
FROM keys
INNER JOIN (
    SELECT
        columns.table_name AS name,
        columns.column_name,
        columns.column_index,
        columns.data_type,
        columns.comment
    FROM duckdb_columns() AS columns
    WHERE columns.database_name IN (FROM files)
        AND NOT columns.internal
) AS columns USING (name)

UNION ALL

SELECT
    'macro' AS kind,
    functions.function_name AS name,
    NULL AS column_name,
    NULL AS position,
    concat(
        functions.function_name,
        '(',
        -- without the parameter that few calls need
        array_to_string(list_filter(functions.parameters, lambda name: name <> 'graph'), ', '),
        ')'
    ) AS type,
    NULL AS in_key,
    NULL AS null_means,
    functions.comment,
    NULL AS about
FROM duckdb_functions() AS functions
WHERE functions.database_name IN (FROM files)
    AND NOT functions.internal
ORDER BY kind DESC, name, position
