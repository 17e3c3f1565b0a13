-- One row per toxic combination of a company, with its permissions in one line of text.
--
-- kind: macro
-- parameters:
--   of_company: the company's name in the settings
-- columns:
--   combination: the combination's name, as in `toxic_combinations`
--   severity: how bad it is: critical, high, medium, low or info
--   title: what a user who holds it can do
--   clauses: the required permissions, as "a and (b or c)"
WITH clauses AS (
    SELECT
        combination,
        severity,
        title,
        clause,
        string_agg(permission, ' or ' ORDER BY permission) AS permissions,
        count(*) AS alternatives
    FROM toxic_combinations
    WHERE company = of_company
    GROUP BY combination, severity, title, clause
)

SELECT
    combination,
    severity,
    title,
    string_agg(
        CASE WHEN alternatives > 1 THEN concat('(', permissions, ')') ELSE permissions END,
        ' and '
        ORDER BY clause
    ) AS clauses
FROM clauses
GROUP BY combination, severity, title
