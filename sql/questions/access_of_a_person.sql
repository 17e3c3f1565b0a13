-- One row per thing that a person has.
SELECT kind, label, sets, since
FROM access_of($person);
