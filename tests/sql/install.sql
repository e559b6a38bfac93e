-- An analyst, who is no superuser, installs the extension: it is trusted. The
-- server preloads nothing (pg_test_config).
SELECT rolsuper FROM pg_roles WHERE rolname = current_user;
CREATE EXTENSION pg_strata;

SELECT extversion, extrelocatable, extnamespace::regnamespace AS schema
FROM pg_extension WHERE extname = 'pg_strata';

-- Everything of it lies in its schema, ...
SELECT count(*) AS outside
FROM pg_depend AS d
JOIN pg_proc AS p ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid
WHERE d.deptype = 'e'
  AND d.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'pg_strata')
  AND p.pronamespace <> 'strata'::regnamespace;

-- ... runs with the caller's rights, ...
SELECT p.oid::regprocedure AS runs_as_owner
FROM pg_proc AS p
WHERE p.pronamespace = 'strata'::regnamespace AND p.prosecdef;

-- ... and goes again without a trace.
DROP EXTENSION pg_strata;
SELECT count(*) AS left_behind
FROM pg_proc WHERE pronamespace = to_regnamespace('strata');
SELECT count(*) AS left_behind
FROM pg_type WHERE typnamespace = to_regnamespace('strata');

-- A second time, into the schema that is still there, and for the test files
-- that follow.
CREATE EXTENSION pg_strata;
