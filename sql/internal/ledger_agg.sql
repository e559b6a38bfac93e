-- What ledger_agg and rollup call. One transition function serves every signature; it looks at the types of its
-- arguments once per call site.

CREATE FUNCTION strata_internal.ledger_merge(strata.ledger, strata.ledger) RETURNS strata.ledger
    IMMUTABLE PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'ledger_merge';
COMMENT ON FUNCTION strata_internal.ledger_merge(strata.ledger, strata.ledger) IS
    'transition function of rollup, combine function of ledger_agg and rollup';
CREATE FUNCTION strata_internal.ledger_seal(strata.ledger) RETURNS strata.ledger
    IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'ledger_seal_wrapper';
COMMENT ON FUNCTION strata_internal.ledger_seal(strata.ledger) IS 'final function of ledger_agg and rollup';

CREATE FUNCTION strata_internal.ledger_agg_transition(strata.ledger, date) RETURNS strata.ledger
    IMMUTABLE PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'ledger_agg_transition';
COMMENT ON FUNCTION strata_internal.ledger_agg_transition(strata.ledger, date) IS 'transition function of ledger_agg';
CREATE FUNCTION strata_internal.ledger_agg_transition(strata.ledger, date, numeric) RETURNS strata.ledger
    IMMUTABLE PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'ledger_agg_transition';
COMMENT ON FUNCTION strata_internal.ledger_agg_transition(strata.ledger, date, numeric) IS
    'transition function of ledger_agg';
CREATE FUNCTION strata_internal.ledger_agg_transition(strata.ledger, date, bigint) RETURNS strata.ledger
    IMMUTABLE PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'ledger_agg_transition';
COMMENT ON FUNCTION strata_internal.ledger_agg_transition(strata.ledger, date, bigint) IS
    'transition function of ledger_agg';
CREATE FUNCTION strata_internal.ledger_agg_transition(strata.ledger, date, integer) RETURNS strata.ledger
    IMMUTABLE PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'ledger_agg_transition';
COMMENT ON FUNCTION strata_internal.ledger_agg_transition(strata.ledger, date, integer) IS
    'transition function of ledger_agg';
CREATE FUNCTION strata_internal.ledger_agg_transition(strata.ledger, date, double precision) RETURNS strata.ledger
    IMMUTABLE PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'ledger_agg_transition';
COMMENT ON FUNCTION strata_internal.ledger_agg_transition(strata.ledger, date, double precision) IS
    'transition function of ledger_agg';
CREATE FUNCTION strata_internal.ledger_agg_transition(strata.ledger, date, numeric, text) RETURNS strata.ledger
    IMMUTABLE PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'ledger_agg_transition';
COMMENT ON FUNCTION strata_internal.ledger_agg_transition(strata.ledger, date, numeric, text) IS
    'transition function of ledger_agg';
CREATE FUNCTION strata_internal.ledger_agg_transition(strata.ledger, date, bigint, text) RETURNS strata.ledger
    IMMUTABLE PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'ledger_agg_transition';
COMMENT ON FUNCTION strata_internal.ledger_agg_transition(strata.ledger, date, bigint, text) IS
    'transition function of ledger_agg';
CREATE FUNCTION strata_internal.ledger_agg_transition(strata.ledger, date, integer, text) RETURNS strata.ledger
    IMMUTABLE PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'ledger_agg_transition';
COMMENT ON FUNCTION strata_internal.ledger_agg_transition(strata.ledger, date, integer, text) IS
    'transition function of ledger_agg';
CREATE FUNCTION strata_internal.ledger_agg_transition(strata.ledger, date, double precision, text) RETURNS strata.ledger
    IMMUTABLE PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'ledger_agg_transition';
COMMENT ON FUNCTION strata_internal.ledger_agg_transition(strata.ledger, date, double precision, text) IS
    'transition function of ledger_agg';
CREATE FUNCTION strata_internal.ledger_agg_transition(strata.ledger, timestamp) RETURNS strata.ledger
    IMMUTABLE PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'ledger_agg_transition';
COMMENT ON FUNCTION strata_internal.ledger_agg_transition(strata.ledger, timestamp) IS
    'transition function of ledger_agg';
CREATE FUNCTION strata_internal.ledger_agg_transition(strata.ledger, timestamp, numeric) RETURNS strata.ledger
    IMMUTABLE PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'ledger_agg_transition';
COMMENT ON FUNCTION strata_internal.ledger_agg_transition(strata.ledger, timestamp, numeric) IS
    'transition function of ledger_agg';
CREATE FUNCTION strata_internal.ledger_agg_transition(strata.ledger, timestamp, bigint) RETURNS strata.ledger
    IMMUTABLE PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'ledger_agg_transition';
COMMENT ON FUNCTION strata_internal.ledger_agg_transition(strata.ledger, timestamp, bigint) IS
    'transition function of ledger_agg';
CREATE FUNCTION strata_internal.ledger_agg_transition(strata.ledger, timestamp, integer) RETURNS strata.ledger
    IMMUTABLE PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'ledger_agg_transition';
COMMENT ON FUNCTION strata_internal.ledger_agg_transition(strata.ledger, timestamp, integer) IS
    'transition function of ledger_agg';
CREATE FUNCTION strata_internal.ledger_agg_transition(strata.ledger, timestamp, double precision) RETURNS strata.ledger
    IMMUTABLE PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'ledger_agg_transition';
COMMENT ON FUNCTION strata_internal.ledger_agg_transition(strata.ledger, timestamp, double precision) IS
    'transition function of ledger_agg';
CREATE FUNCTION strata_internal.ledger_agg_transition(strata.ledger, timestamp, numeric, text) RETURNS strata.ledger
    IMMUTABLE PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'ledger_agg_transition';
COMMENT ON FUNCTION strata_internal.ledger_agg_transition(strata.ledger, timestamp, numeric, text) IS
    'transition function of ledger_agg';
CREATE FUNCTION strata_internal.ledger_agg_transition(strata.ledger, timestamp, bigint, text) RETURNS strata.ledger
    IMMUTABLE PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'ledger_agg_transition';
COMMENT ON FUNCTION strata_internal.ledger_agg_transition(strata.ledger, timestamp, bigint, text) IS
    'transition function of ledger_agg';
CREATE FUNCTION strata_internal.ledger_agg_transition(strata.ledger, timestamp, integer, text) RETURNS strata.ledger
    IMMUTABLE PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'ledger_agg_transition';
COMMENT ON FUNCTION strata_internal.ledger_agg_transition(strata.ledger, timestamp, integer, text) IS
    'transition function of ledger_agg';
CREATE FUNCTION strata_internal.ledger_agg_transition(
    strata.ledger,
    timestamp,
    double precision,
    text
) RETURNS strata.ledger IMMUTABLE PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'ledger_agg_transition';
COMMENT ON FUNCTION strata_internal.ledger_agg_transition(strata.ledger, timestamp, double precision, text) IS
    'transition function of ledger_agg';
CREATE FUNCTION strata_internal.ledger_agg_transition(strata.ledger, timestamptz) RETURNS strata.ledger
    IMMUTABLE PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'ledger_agg_transition';
COMMENT ON FUNCTION strata_internal.ledger_agg_transition(strata.ledger, timestamptz) IS
    'transition function of ledger_agg';
CREATE FUNCTION strata_internal.ledger_agg_transition(strata.ledger, timestamptz, numeric) RETURNS strata.ledger
    IMMUTABLE PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'ledger_agg_transition';
COMMENT ON FUNCTION strata_internal.ledger_agg_transition(strata.ledger, timestamptz, numeric) IS
    'transition function of ledger_agg';
CREATE FUNCTION strata_internal.ledger_agg_transition(strata.ledger, timestamptz, bigint) RETURNS strata.ledger
    IMMUTABLE PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'ledger_agg_transition';
COMMENT ON FUNCTION strata_internal.ledger_agg_transition(strata.ledger, timestamptz, bigint) IS
    'transition function of ledger_agg';
CREATE FUNCTION strata_internal.ledger_agg_transition(strata.ledger, timestamptz, integer) RETURNS strata.ledger
    IMMUTABLE PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'ledger_agg_transition';
COMMENT ON FUNCTION strata_internal.ledger_agg_transition(strata.ledger, timestamptz, integer) IS
    'transition function of ledger_agg';
CREATE FUNCTION strata_internal.ledger_agg_transition(
    strata.ledger,
    timestamptz,
    double precision
) RETURNS strata.ledger IMMUTABLE PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'ledger_agg_transition';
COMMENT ON FUNCTION strata_internal.ledger_agg_transition(strata.ledger, timestamptz, double precision) IS
    'transition function of ledger_agg';
CREATE FUNCTION strata_internal.ledger_agg_transition(strata.ledger, timestamptz, numeric, text) RETURNS strata.ledger
    IMMUTABLE PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'ledger_agg_transition';
COMMENT ON FUNCTION strata_internal.ledger_agg_transition(strata.ledger, timestamptz, numeric, text) IS
    'transition function of ledger_agg';
CREATE FUNCTION strata_internal.ledger_agg_transition(strata.ledger, timestamptz, bigint, text) RETURNS strata.ledger
    IMMUTABLE PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'ledger_agg_transition';
COMMENT ON FUNCTION strata_internal.ledger_agg_transition(strata.ledger, timestamptz, bigint, text) IS
    'transition function of ledger_agg';
CREATE FUNCTION strata_internal.ledger_agg_transition(strata.ledger, timestamptz, integer, text) RETURNS strata.ledger
    IMMUTABLE PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'ledger_agg_transition';
COMMENT ON FUNCTION strata_internal.ledger_agg_transition(strata.ledger, timestamptz, integer, text) IS
    'transition function of ledger_agg';
CREATE FUNCTION strata_internal.ledger_agg_transition(
    strata.ledger,
    timestamptz,
    double precision,
    text
) RETURNS strata.ledger IMMUTABLE PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'ledger_agg_transition';
COMMENT ON FUNCTION strata_internal.ledger_agg_transition(strata.ledger, timestamptz, double precision, text) IS
    'transition function of ledger_agg';
CREATE FUNCTION strata_internal.ledger_agg_transition(strata.ledger, timestamptz, text) RETURNS strata.ledger
    IMMUTABLE PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'ledger_agg_transition';
COMMENT ON FUNCTION strata_internal.ledger_agg_transition(strata.ledger, timestamptz, text) IS
    'transition function of ledger_agg';
