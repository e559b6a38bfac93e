-- Where everything lies: strata holds what users call, strata_internal what that is made of.

-- Labels and messages are UTF-8, and so is what the library takes for text.
DO $$
BEGIN
    IF pg_catalog.getdatabaseencoding() NOT IN ('UTF8', 'SQL_ASCII') THEN
        RAISE EXCEPTION USING
            ERRCODE = 'feature_not_supported',
            MESSAGE = pg_catalog.format('pg_strata needs a database in UTF8, this one is in %s',
                                        pg_catalog.getdatabaseencoding()),
            HINT = 'Create one with CREATE DATABASE name ENCODING ''UTF8'' TEMPLATE template0.';
    END IF;
END
$$;

-- Neither schema may be there: objects of others in them could stand in the place of what is called by name.
DO $$
DECLARE
    taken pg_catalog.name := (
        SELECT nspname FROM pg_catalog.pg_namespace WHERE nspname IN ('strata', 'strata_internal')
        ORDER BY nspname LIMIT 1);
BEGIN
    IF taken IS NOT NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'duplicate_schema',
            MESSAGE = pg_catalog.format('schema "%s" exists already', taken),
            DETAIL = 'pg_strata makes the schemas strata and strata_internal itself, so that nobody else has made '
                     'anything in them.',
            HINT = pg_catalog.format('Drop it, or keep what is in it under another name: ALTER SCHEMA %s RENAME TO '
                                     '%1$s_before;', taken);
    END IF;
END
$$;

CREATE SCHEMA strata;
COMMENT ON SCHEMA strata IS 'pg_strata: user segmentation inside the warehouse';
CREATE SCHEMA strata_internal;
COMMENT ON SCHEMA strata_internal IS 'what pg_strata is made of: may change with every version';

-- Everyone may use them, nobody may create in them, whatever default privileges say.
DO $$
DECLARE
    granted record;
BEGIN
    FOR granted IN
        SELECT nspname, CASE grantee WHEN 0 THEN 'PUBLIC' ELSE grantee::pg_catalog.regrole::pg_catalog.text END AS role
        FROM pg_catalog.pg_namespace, pg_catalog.aclexplode(nspacl)
        WHERE nspname IN ('strata', 'strata_internal') AND grantee <> nspowner
    LOOP
        EXECUTE pg_catalog.format('REVOKE ALL ON SCHEMA %I FROM %s CASCADE', granted.nspname, granted.role);
    END LOOP;
END
$$;
GRANT USAGE ON SCHEMA strata, strata_internal TO PUBLIC;
