-- All of it belongs to the bootstrap superuser, whoever created the extension: a superuser who is none any more could
-- change what he made. PostgreSQL runs the script of a trusted extension as the bootstrap superuser; only where another
-- superuser creates it is there anything to do.
DO $$
DECLARE
    bootstrap pg_catalog.name := (SELECT rolname FROM pg_catalog.pg_roles WHERE oid = 10);
    part record;
BEGIN
    IF current_user <> bootstrap THEN
        FOR part IN
            SELECT object.type, object.identity
            FROM pg_catalog.pg_depend AS d
            CROSS JOIN LATERAL pg_catalog.pg_identify_object(d.classid, d.objid, 0) AS object
            WHERE d.deptype = 'e' AND d.refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass
              AND d.refobjid = (SELECT oid FROM pg_catalog.pg_extension WHERE extname = 'pg_strata')
              AND object.type <> 'cast' -- belongs to nobody
              -- array types follow the types of their elements; members they are since PostgreSQL 17
              AND NOT EXISTS (SELECT FROM pg_catalog.pg_type AS t
                              WHERE d.classid = 'pg_catalog.pg_type'::pg_catalog.regclass AND t.oid = d.objid
                                AND t.typcategory = 'A')
        LOOP
            EXECUTE pg_catalog.format('ALTER %s %s OWNER TO %I', part.type, part.identity, bootstrap);
        END LOOP;
    END IF;
END
$$;
