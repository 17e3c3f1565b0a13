-- One row per row of the company's roster, the list of people from HR or an identity provider.
-- Rows that are not used are included, with the reason. If rows have the same address, the first
-- row is used with the values on which they agree; none is used if their statuses contradict each
-- other. A company without a roster has no rows.
--
-- kind: table
-- key: company, line
-- columns:
--   company: the company's name in the settings
--   line: the line of the file on which the row starts
--   email: the e-mail address, normalized for comparison; NULL unless there is exactly one
--   status: the person's status, as written
--   leaver: whether the status means that the person has left; NULL for an unknown status
--   manager: the person's manager, as written; in the used row of several with the same address,
--     the one manager that they name; NULL if they name several
--   expected_role: the name of the role that the person should have; with several rows, as for
--     `manager`
--   problem: why the row is not used; NULL if it is used
-- example: SELECT line, email, problem FROM roster WHERE problem IS NOT NULL
SELECT
    company,
    line,
    email,
    status,
    leaver,
    manager,
    expected_role,
    problem
FROM policy.roster
