-- The public surface, a line for each object of the schema strata: what users and the objects that they made hang on. A
-- line that changes or goes is a promise broken (CONTRIBUTING, "A version"); a new one is a promise made.
\pset tuples_only on
\pset format unaligned

SELECT format('%s %s(%s) → %s%s', CASE prokind WHEN 'f' THEN 'function' WHEN 'a' THEN 'aggregate' WHEN 'w' THEN 'window' ELSE 'procedure' END,
              p.oid::regproc, pg_get_function_arguments(p.oid), pg_get_function_result(p.oid),
              CASE provolatile WHEN 'i' THEN ' immutable' WHEN 's' THEN ' stable' ELSE ' volatile' END
              || CASE WHEN proisstrict THEN ' strict' ELSE '' END
              || CASE proparallel WHEN 's' THEN ' parallel safe' WHEN 'r' THEN ' parallel restricted' ELSE ' parallel unsafe' END)
FROM (SELECT p.*, proname || ' ' || pg_get_function_arguments(oid) AS place FROM pg_proc AS p) AS p
WHERE pronamespace = 'strata'::regnamespace ORDER BY place COLLATE "C";

SELECT format('operator %s → %s by %s', o.oid::regoperator, oprresult::regtype, oprcode)
FROM pg_operator AS o WHERE oprnamespace = 'strata'::regnamespace ORDER BY o.oid::regoperator::text COLLATE "C";

SELECT format('operator class %s for %s using %s%s', opcname, opcintype::regtype, amname, CASE WHEN opcdefault THEN ', default' ELSE '' END)
FROM pg_opclass AS c JOIN pg_am AS a ON a.oid = opcmethod WHERE opcnamespace = 'strata'::regnamespace
ORDER BY opcname COLLATE "C", amname COLLATE "C";

SELECT format('type %s %s', t.oid::regtype,
              CASE typtype WHEN 'b' THEN 'of bytes' WHEN 'd' THEN 'domain over ' || format_type(typbasetype, typtypmod) WHEN 'e' THEN 'enum'
              ELSE (SELECT '(' || string_agg(format('%I %s', attname, format_type(atttypid, atttypmod)), ', ' ORDER BY attnum) || ')'
                    FROM pg_attribute WHERE attrelid = typrelid AND attnum > 0 AND NOT attisdropped) END)
FROM pg_type AS t LEFT JOIN pg_class AS c ON c.oid = typrelid
WHERE typnamespace = 'strata'::regnamespace AND typcategory <> 'A' AND coalesce(relkind, 'c') = 'c' ORDER BY t.oid::regtype::text COLLATE "C";

SELECT format('%s %s (%s)', CASE relkind WHEN 'v' THEN 'view' WHEN 'r' THEN 'table' ELSE 'relation ' || relkind::text END, c.oid::regclass,
              (SELECT string_agg(format('%I %s', attname, format_type(atttypid, atttypmod)), ', ' ORDER BY attnum)
               FROM pg_attribute WHERE attrelid = c.oid AND attnum > 0 AND NOT attisdropped))
FROM pg_class AS c WHERE relnamespace = 'strata'::regnamespace AND relkind NOT IN ('c', 'i', 't') ORDER BY relname COLLATE "C";

SELECT format('cast %s → %s%s', castsource::regtype, casttarget::regtype,
              CASE castcontext WHEN 'i' THEN ', implicit' WHEN 'a' THEN ', in assignments' ELSE '' END)
FROM pg_cast WHERE EXISTS (SELECT FROM pg_type WHERE oid IN (castsource, casttarget) AND typnamespace = 'strata'::regnamespace)
ORDER BY castsource::regtype::text COLLATE "C", casttarget::regtype::text COLLATE "C";
