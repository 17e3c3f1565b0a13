-- Classifies a text as an address, an id or a name. A user may choose a name that looks like the
-- address or the id of another subject, so a waiver's subject is compared only with values of the
-- same form.
--
-- kind: scalar macro
-- parameters:
--   written: the text
CASE
    WHEN contains(written, '@') THEN 'address'
    WHEN
        regexp_full_match(written, '[0-9]+|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}', 'i')
        THEN 'id'
    ELSE 'name'
END
