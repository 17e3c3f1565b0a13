-- One row per row of the company's roster: the people whom HR or an identity provider names.
-- A row that is not used is here too, with the reason. Of rows with the same address, the first is
-- used for all that they agree in, and none where the status contradicts. A company without a
-- roster has none.
--
-- kind: table
-- key: company, line
-- columns:
--   company: the company's name in the settings
--   line: the line of the file in which the row begins
--   email: the e-mail address in the form in which addresses are compared, NULL where there is not
--     exactly one
--   status: the person's status as written
--   leaver: whether that means that the person has left; NULL is a status that is not known
--   manager: the person's manager as written; in a row that others repeat and that is used, the one
--     that any of them names, NULL where they name several
--   expected_role: the name of the role in which the person should be; in a row that others repeat
--     and that is used, as `manager`
--   problem: why the row is not used, NULL where it is
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
