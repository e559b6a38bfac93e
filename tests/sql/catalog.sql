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

-- Every other function is immutable and parallel safe, but for those that run queries, the caller's own or those of living layers: they
-- read with the caller's snapshot, and start parallel workers instead of running in one. Those that write are volatile. row_expression looks
-- into the catalog.
SELECT p.oid::regprocedure AS function, provolatile, proparallel
FROM pg_proc AS p JOIN members ON objid = p.oid AND classid = 'pg_proc'::regclass
WHERE provolatile <> 'i' OR proparallel <> 's' ORDER BY p.oid::regprocedure::text;

-- What is written in SQL was understood when it was installed (BEGIN ATOMIC), unless its arguments are polymorphic; what runs SQL of its own
-- runs it under a search path of its own.
SELECT p.oid::regprocedure AS read_again_at_each_call
FROM pg_proc AS p JOIN pg_language AS l ON l.oid = prolang JOIN members ON objid = p.oid AND classid = 'pg_proc'::regclass
WHERE lanname = 'sql' AND prosqlbody IS NULL
  AND NOT EXISTS (SELECT FROM unnest(proargtypes) AS argument (type) JOIN pg_type AS t ON t.oid = argument.type WHERE typname ~ '^any')
ORDER BY p.oid::regprocedure::text;
SELECT p.oid::regprocedure AS without_a_search_path
FROM pg_proc AS p JOIN pg_language AS l ON l.oid = prolang JOIN members ON objid = p.oid AND classid = 'pg_proc'::regclass
WHERE (lanname NOT IN ('c', 'internal', 'sql') OR lanname = 'sql' AND prosqlbody IS NULL)
  AND NOT coalesce('search_path=pg_catalog, pg_temp' = ANY (proconfig), false) ORDER BY p.oid::regprocedure::text;

-- What strata_internal holds beside support functions. signatures.sql lists what strata holds.
SELECT proname, CASE prokind WHEN 'f' THEN '' ELSE prokind::text END AS kind, proisstrict AS strict,
       pg_get_function_arguments(p.oid) AS arguments
FROM pg_proc AS p JOIN members ON objid = p.oid AND classid = 'pg_proc'::regclass
WHERE pronamespace = 'strata_internal'::regnamespace AND NOT obj_description(p.oid, 'pg_proc') IN ('I/O', 'hash', 'less-equal-greater')
  AND NOT obj_description(p.oid, 'pg_proc') ~ '^(transition|combine|final|implementation|part of a parallel worker)'
ORDER BY proname, pronargs, p.oid::regprocedure::text;

-- Operators know their commutators, negators and selectivity; each operator class is the default of its type.
SELECT o.oid::regoperator AS operator, oprcode, oprcom::regoperator AS commutator, oprnegate::regoperator AS negator,
       oprcanmerge AS merges, oprcanhash AS hashes, oprrest AS restrict, oprjoin AS join
FROM pg_operator AS o JOIN members ON objid = o.oid AND classid = 'pg_operator'::regclass ORDER BY o.oid::regoperator::text COLLATE "C";
SELECT amname, opcname, opcintype::regtype, opcdefault
FROM pg_opclass AS c JOIN pg_am ON pg_am.oid = opcmethod JOIN members ON objid = c.oid AND classid = 'pg_opclass'::regclass
ORDER BY amname;

-- It keeps nothing of its own: what a source or a model is stands in tables of its owner's.
SELECT c.oid::regclass AS kept, relkind FROM pg_class AS c JOIN members ON objid = c.oid AND classid = 'pg_class'::regclass
WHERE relkind NOT IN ('c', 'v') ORDER BY 1;

-- Everyone may use it: the extension takes nothing away from PUBLIC.
SELECT count(*) AS with_own_rights FROM pg_proc AS p JOIN members ON objid = p.oid AND classid = 'pg_proc'::regclass
WHERE proacl IS NOT NULL OR prosecdef;
