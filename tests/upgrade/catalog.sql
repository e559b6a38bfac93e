-- All that the extension consists of, a line for each part with everything that can differ.
WITH parts AS (
    SELECT d.classid, d.objid, o.type, o.identity, obj_description(d.objid, d.classid::regclass::text) AS comment
    FROM pg_depend AS d CROSS JOIN LATERAL pg_identify_object(d.classid, d.objid, 0) AS o
    WHERE d.deptype = 'e' AND d.refclassid = 'pg_extension'::regclass
      AND d.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'pg_strata')
)
SELECT concat_ws(' · ', type, identity, comment, CASE classid
    WHEN 'pg_proc'::regclass THEN (
        SELECT concat_ws(' ', proowner::regrole, proacl::text, proparallel, provolatile, CASE prokind
            WHEN 'a' THEN (
                SELECT concat_ws(' ', pg_get_function_arguments(p.oid), aggkind, aggtransfn, aggfinalfn, aggcombinefn,
                                 aggserialfn, aggdeserialfn, aggtranstype::regtype, aggtransspace, aggfinalmodify,
                                 agginitval)
                FROM pg_aggregate WHERE aggfnoid = p.oid)
            ELSE pg_get_functiondef(p.oid) END)
        FROM pg_proc AS p WHERE p.oid = objid)
    WHEN 'pg_type'::regclass THEN (
        SELECT concat_ws(' ', typowner::regrole, typacl::text, typinput, typoutput, typreceive, typsend, typlen, typalign,
                         typstorage, typcategory,
                         (SELECT string_agg(format('%I %s', attname, format_type(atttypid, atttypmod)), ', ' ORDER BY attnum)
                          FROM pg_attribute WHERE attrelid = typrelid AND attnum > 0 AND NOT attisdropped))
        FROM pg_type WHERE oid = objid)
    WHEN 'pg_operator'::regclass THEN (
        SELECT concat_ws(' ', oprowner::regrole, oprcode, oprcom::regoperator, oprnegate::regoperator, oprrest, oprjoin,
                         oprcanmerge, oprcanhash)
        FROM pg_operator WHERE oid = objid)
    WHEN 'pg_opfamily'::regclass THEN (
        SELECT concat_ws(' ', opfowner::regrole,
                         (SELECT string_agg(format('%s %s', amopstrategy, amopopr::regoperator), ', ' ORDER BY amopstrategy)
                          FROM pg_amop WHERE amopfamily = f.oid),
                         (SELECT string_agg(format('%s %s', amprocnum, amproc), ', ' ORDER BY amprocnum)
                          FROM pg_amproc WHERE amprocfamily = f.oid))
        FROM pg_opfamily AS f WHERE oid = objid)
    WHEN 'pg_opclass'::regclass THEN (
        SELECT concat_ws(' ', opcowner::regrole, opcintype::regtype, opcdefault) FROM pg_opclass WHERE oid = objid)
    WHEN 'pg_cast'::regclass THEN (
        SELECT concat_ws(' ', castfunc::regprocedure, castcontext, castmethod) FROM pg_cast WHERE oid = objid)
    WHEN 'pg_namespace'::regclass THEN (
        SELECT concat_ws(' ', nspowner::regrole, nspacl::text) FROM pg_namespace WHERE oid = objid)
    WHEN 'pg_class'::regclass THEN (
        SELECT concat_ws(' ', relowner::regrole, relacl::text, relkind, CASE relkind WHEN 'v' THEN pg_get_viewdef(oid) END)
        FROM pg_class WHERE oid = objid)
    END)
FROM parts ORDER BY 1
