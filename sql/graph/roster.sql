-- One row per row of the company's roster: the people whom HR or an identity provider names.
-- A row that cannot be used is here too, with what is wrong with it. A company without a roster has
-- none.
--
-- kind: table
-- key: company, line
-- columns:
--   company: the company's name in the settings
--   line: the line of the file in which the row begins
--   email: the e-mail address in lower case, NULL where there is none
--   status: the person's status as written
--   leaver: whether that means that the person has left; NULL is a status that is not known
--   manager: the person's manager as written
--   expected_role: the name of the role in which the person should be, as written
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
