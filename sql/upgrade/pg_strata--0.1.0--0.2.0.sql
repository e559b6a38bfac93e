\echo Use "ALTER EXTENSION pg_strata UPDATE" to load this file. \quit

-- 0.1.0 promised nothing, and 0.2.0 keeps its registry in other places: there is no way from one to the other.
DO $$
BEGIN
    RAISE EXCEPTION USING
        ERRCODE = 'feature_not_supported',
        MESSAGE = 'pg_strata 0.1.0 cannot be updated to 0.2.0',
        DETAIL = 'The objects of 0.2.0 lie in other schemas, and sources and models are kept elsewhere.',
        HINT = 'Drop it and create it anew: DROP EXTENSION pg_strata CASCADE; DROP SCHEMA strata; '
               'CREATE EXTENSION pg_strata; then add sources and models again.';
END
$$;
