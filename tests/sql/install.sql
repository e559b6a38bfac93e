\set SHOW_CONTEXT never
-- An analyst, who is no superuser, installs the extension: it is trusted. The server preloads nothing (pg_test_config).
\set VERBOSITY default
SELECT rolsuper FROM pg_roles WHERE rolname = current_user;

-- The script makes its two schemas itself, and refuses what stands in their place: somebody's objects could be in it.
CREATE SCHEMA strata_internal;
CREATE EXTENSION pg_strata;
DROP SCHEMA strata_internal;
CREATE SCHEMA strata;
CREATE EXTENSION pg_strata;
DROP SCHEMA strata;
CREATE EXTENSION pg_strata SCHEMA public;

CREATE EXTENSION pg_strata;
SELECT extversion, extrelocatable, extnamespace::regnamespace AS schema
FROM pg_extension WHERE extname = 'pg_strata';

-- Everything of it lies in its schemas, ...
CREATE TEMPORARY VIEW parts AS
SELECT classid, objid, (pg_identify_object(classid, objid, 0)).type, (pg_identify_object(classid, objid, 0)).schema
FROM pg_depend
WHERE deptype = 'e' AND refclassid = 'pg_extension'::regclass
  AND refobjid = (SELECT oid FROM pg_extension WHERE extname = 'pg_strata');
SELECT DISTINCT type FROM parts WHERE schema IS NULL ORDER BY type;
SELECT DISTINCT schema FROM parts WHERE schema IS NOT NULL ORDER BY schema;

-- ... which belong, with all that is in them, to the bootstrap superuser; everyone uses them, nobody else creates there, ...
SELECT nspname, nspowner::regrole = (SELECT oid::regrole FROM pg_roles WHERE oid = 10) AS of_bootstrap,
       has_schema_privilege('public', oid, 'USAGE') AS public_uses, has_schema_privilege('public', oid, 'CREATE') AS public_creates,
       has_schema_privilege(oid, 'CREATE') AS creator_creates, (SELECT count(*) FROM aclexplode(nspacl)) AS rights
FROM pg_namespace WHERE nspname LIKE 'strata%' ORDER BY nspname;
SELECT count(*) AS of_others FROM parts
WHERE classid = 'pg_proc'::regclass AND (SELECT proowner FROM pg_proc WHERE oid = objid) <> 10
   OR classid = 'pg_type'::regclass AND (SELECT typowner FROM pg_type WHERE oid = objid) <> 10
   OR classid = 'pg_operator'::regclass AND (SELECT oprowner FROM pg_operator WHERE oid = objid) <> 10
   OR classid = 'pg_opclass'::regclass AND (SELECT opcowner FROM pg_opclass WHERE oid = objid) <> 10
   OR classid = 'pg_opfamily'::regclass AND (SELECT opfowner FROM pg_opfamily WHERE oid = objid) <> 10;
CREATE FUNCTION strata.boom() RETURNS void LANGUAGE sql AS '';
CREATE TABLE strata_internal.boom ();

-- ... run with the caller's rights, ...
SELECT count(*) AS run_as_owner FROM parts JOIN pg_proc AS p ON classid = 'pg_proc'::regclass AND p.oid = objid WHERE prosecdef;

-- ... and go again without a trace.
DROP VIEW parts;
DROP EXTENSION pg_strata;
SELECT count(*) AS left_behind FROM pg_namespace WHERE nspname LIKE 'strata%';

-- A second time, and for the test files that follow.
CREATE EXTENSION pg_strata;
