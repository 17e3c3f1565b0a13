-- Whether a text is an address, an id or a name. A user may have chosen a name that is like the
-- address or the id of another subject, so a waiver's subject is compared with its own form only.
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
