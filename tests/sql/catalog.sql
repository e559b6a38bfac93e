-- What the catalog says of the extension: the planner, parallel workers and sharded servers go by it.
CREATE TEMPORARY VIEW members AS
SELECT classid, objid FROM pg_depend
WHERE deptype = 'e' AND refclassid = 'pg_extension'::regclass
  AND refobjid = (SELECT oid FROM pg_extension WHERE extname = 'pg_strata')
  -- array types, which come with their elements, are members of their own since PostgreSQL 17
  AND NOT EXISTS (SELECT FROM pg_type AS t WHERE classid = 'pg_type'::regclass AND t.oid = objid AND typcategory = 'A')
  -- and so are the row types of tables and views
  AND NOT EXISTS (SELECT FROM pg_type AS t JOIN pg_class AS c ON c.oid = t.typrelid WHERE classid = 'pg_type'::regclass AND t.oid = objid AND c.relkind <> 'c');

-- Every object says what it is for.
SELECT pg_describe_object(classid, objid, 0) AS without_comment
FROM members WHERE obj_description(objid, classid::regclass::text) IS NULL ORDER BY 1;

-- Types and their storage.
SELECT typname, typtype, typlen, typalign, typstorage, typreceive <> 0 AS receive, typsend <> 0 AS send
FROM pg_type JOIN members ON objid = pg_type.oid AND classid = 'pg_type'::regclass ORDER BY typname;

-- Every aggregate is immutable, parallel safe, combines, and ships its state as a plain type, which sharded servers can send.
-- Only the state of bulk_agg is internal: a builder of all users, with temporary files, that lives below one call of ledgers,
-- rfm or rfm_summary. Parallel workers send theirs as bytes; nothing else ever sees one.
SELECT p.oid::regprocedure AS aggregate, p.prorettype::regtype AS returns, aggtranstype::regtype AS state, aggtransspace AS space,
       aggtransfn, aggfinalfn, aggcombinefn
FROM pg_aggregate JOIN pg_proc AS p ON p.oid = aggfnoid JOIN members ON objid = p.oid AND classid = 'pg_proc'::regclass
ORDER BY p.oid::regprocedure::text;
SELECT DISTINCT proname = 'bulk_agg' AS bulk, aggkind, provolatile, proparallel, proisstrict, aggfinalmodify, aggfinalextra, aggserialfn,
       aggdeserialfn, agginitval, aggmtransfn, aggsortop
FROM pg_aggregate JOIN pg_proc AS p ON p.oid = aggfnoid JOIN members ON objid = p.oid AND classid = 'pg_proc'::regclass ORDER BY 1;

-- Their transition and combine functions see NULLs, their final functions do not, but for that of bulk_agg: no rows are no users.
SELECT DISTINCT aggfnoid::text ~ 'bulk_agg' AS bulk, t.proisstrict AS transition, c.proisstrict AS combine, f.proisstrict AS final
FROM pg_aggregate JOIN pg_proc AS t ON t.oid = aggtransfn JOIN pg_proc AS c ON c.oid = aggcombinefn JOIN pg_proc AS f ON f.oid = aggfinalfn
     JOIN members ON objid = aggfnoid AND classid = 'pg_proc'::regclass ORDER BY 1;

-- Every other function is immutable and parallel safe, but for those that run queries, the caller's own or those of living layers: they read
-- with the caller's snapshot, and start parallel workers instead of running in one. Those that write are volatile. row_expression looks into
-- the catalog.
SELECT p.oid::regprocedure AS function, provolatile, proparallel
FROM pg_proc AS p JOIN members ON objid = p.oid AND classid = 'pg_proc'::regclass
WHERE (provolatile <> 'i' OR proparallel <> 's') AND proname NOT LIKE '\_%' ORDER BY p.oid::regprocedure::text;

-- The parts of living layers, whose names begin with _, are no aggregates; the parallel safe among them read catalogs, or nothing, alone.
SELECT prokind, lanname, provolatile, proparallel, count(*) > 0 AS there
FROM pg_proc AS p JOIN pg_language AS l ON l.oid = prolang JOIN members ON objid = p.oid AND classid = 'pg_proc'::regclass
WHERE proname LIKE '\_%' GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4;
SELECT p.oid::regprocedure AS function FROM pg_proc AS p JOIN members ON objid = p.oid AND classid = 'pg_proc'::regclass
WHERE proname LIKE '\_%' AND proparallel = 's' AND provolatile <> 'i' ORDER BY p.oid::regprocedure::text;
-- What runs SQL of its own runs it under a search path of its own; the two that read names as their caller does say so at their place.
SELECT p.oid::regprocedure AS without_a_search_path
FROM pg_proc AS p JOIN pg_language AS l ON l.oid = prolang JOIN members ON objid = p.oid AND classid = 'pg_proc'::regclass
WHERE lanname IN ('sql', 'plpgsql') AND NOT coalesce('search_path=pg_catalog, pg_temp' = ANY (proconfig), false) ORDER BY p.oid::regprocedure::text;

-- The public functions, with the names of their arguments and their defaults.
SELECT proname, CASE prokind WHEN 'f' THEN '' ELSE prokind::text END AS kind, proisstrict AS strict,
       pg_get_function_arguments(p.oid) AS arguments
FROM pg_proc AS p JOIN members ON objid = p.oid AND classid = 'pg_proc'::regclass
WHERE prokind <> 'a' AND NOT obj_description(p.oid, 'pg_proc') IN ('I/O', 'hash', 'less-equal-greater')
  AND NOT obj_description(p.oid, 'pg_proc') ~ '^(transition|combine|final|implementation|part of a parallel worker)'
ORDER BY proname, pronargs, p.oid::regprocedure::text;

-- Operators know their commutators, negators and selectivity; each operator class is the default of its type.
SELECT o.oid::regoperator AS operator, oprcode, oprcom::regoperator AS commutator, oprnegate::regoperator AS negator,
       oprcanmerge AS merges, oprcanhash AS hashes, oprrest AS restrict, oprjoin AS join
FROM pg_operator AS o JOIN members ON objid = o.oid AND classid = 'pg_operator'::regclass ORDER BY o.oid::regoperator::text COLLATE "C";
SELECT amname, opcname, opcintype::regtype, opcdefault
FROM pg_opclass AS c JOIN pg_am ON pg_am.oid = opcmethod JOIN members ON objid = c.oid AND classid = 'pg_opclass'::regclass
ORDER BY amname;

-- The registry: everyone may use it, row-level security says which rows; all of it is dumped. Views are made of functions, which ask for rights.
SELECT relname, relkind, relrowsecurity, relforcerowsecurity,
       (SELECT string_agg(privilege_type, ', ' ORDER BY privilege_type) FROM aclexplode(relacl) WHERE grantee = 0) AS public_may, c.oid = ANY (e.extconfig) AS dumped
FROM pg_class AS c JOIN members ON objid = c.oid AND classid = 'pg_class'::regclass JOIN pg_extension AS e ON e.extname = 'pg_strata'
WHERE relkind <> 'c' ORDER BY relname;
SELECT tablename, policyname, permissive, roles, cmd, with_check IS NOT NULL AS own_check FROM pg_policies WHERE schemaname = 'strata' ORDER BY tablename, policyname;

-- Everyone may use it: the extension takes nothing away from PUBLIC.
SELECT count(*) AS with_own_rights FROM pg_proc AS p JOIN members ON objid = p.oid AND classid = 'pg_proc'::regclass
WHERE proacl IS NOT NULL OR prosecdef;
