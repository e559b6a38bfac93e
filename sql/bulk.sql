-- All users of a query at once. bulk_agg is the engine; it works only below the functions that start it.

CREATE FUNCTION bulk_agg_transition(internal, "any", "any", "any", text, date, integer) RETURNS internal IMMUTABLE PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'bulk_agg_transition';
CREATE FUNCTION bulk_agg_serialize(internal) RETURNS bytea IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'bulk_agg_serialize';
CREATE FUNCTION bulk_agg_deserialize(bytea, internal) RETURNS internal IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'bulk_agg_deserialize';
CREATE FUNCTION bulk_agg_combine(internal, internal) RETURNS internal IMMUTABLE PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'bulk_agg_combine';
CREATE FUNCTION bulk_agg_final(internal) RETURNS void IMMUTABLE PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'bulk_agg_final';
CREATE AGGREGATE bulk_agg("any", "any", "any", time_zone text, as_of date, window_days integer) (
    SFUNC = bulk_agg_transition,
    STYPE = internal,
    SSPACE = 1048576,
    FINALFUNC = bulk_agg_final,
    FINALFUNC_MODIFY = READ_WRITE,
    COMBINEFUNC = bulk_agg_combine,
    SERIALFUNC = bulk_agg_serialize,
    DESERIALFUNC = bulk_agg_deserialize,
    PARALLEL = SAFE
);

-- STABLE: the caller's snapshot, and nothing but reading.
CREATE FUNCTION ledgers(query text, time_zone text DEFAULT NULL, user_type text DEFAULT NULL)
RETURNS TABLE (user_id text, ledger ledger)
STABLE ROWS 100000 LANGUAGE c AS 'MODULE_PATHNAME', 'ledgers';
-- With the user as the type of user_type, whose value is not looked at: user_type => NULL::bigint.
CREATE FUNCTION ledgers(query text, user_type bigint, time_zone text DEFAULT NULL)
RETURNS TABLE (user_id bigint, ledger ledger)
STABLE ROWS 100000 LANGUAGE c AS 'MODULE_PATHNAME', 'ledgers';
CREATE FUNCTION ledgers(query text, user_type integer, time_zone text DEFAULT NULL)
RETURNS TABLE (user_id integer, ledger ledger)
STABLE ROWS 100000 LANGUAGE c AS 'MODULE_PATHNAME', 'ledgers';
CREATE FUNCTION ledgers(query text, user_type uuid, time_zone text DEFAULT NULL)
RETURNS TABLE (user_id uuid, ledger ledger)
STABLE ROWS 100000 LANGUAGE c AS 'MODULE_PATHNAME', 'ledgers';
