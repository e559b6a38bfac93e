-- Put together by scripts/assemble from sql/public and sql/internal: change those, then run make schema.
\echo Use "CREATE EXTENSION pg_strata" to load this file. \quit

-- ----------------------------------------------------------------------------------------------------
-- sql/internal/schemas.sql

-- Where everything lies: strata holds what users call, strata_internal what that is made of.

-- Labels and messages are UTF-8, and so is what the library takes for text.
DO $$
BEGIN
    IF pg_catalog.getdatabaseencoding() NOT IN ('UTF8', 'SQL_ASCII') THEN
        RAISE EXCEPTION USING
            ERRCODE = 'feature_not_supported',
            MESSAGE = pg_catalog.format('pg_strata needs a database in UTF8, this one is in %s',
                                        pg_catalog.getdatabaseencoding()),
            HINT = 'Create one with CREATE DATABASE name ENCODING ''UTF8'' TEMPLATE template0.';
    END IF;
END
$$;

-- Neither schema may be there: objects of others in them could stand in the place of what is called by name.
DO $$
DECLARE
    taken pg_catalog.name := (
        SELECT nspname FROM pg_catalog.pg_namespace WHERE nspname IN ('strata', 'strata_internal')
        ORDER BY nspname LIMIT 1);
BEGIN
    IF taken IS NOT NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'duplicate_schema',
            MESSAGE = pg_catalog.format('schema "%s" exists already', taken),
            DETAIL = 'pg_strata makes the schemas strata and strata_internal itself, so that nobody else has made '
                     'anything in them.',
            HINT = pg_catalog.format('Drop it, or keep what is in it under another name: ALTER SCHEMA %s RENAME TO '
                                     '%1$s_before;', taken);
    END IF;
END
$$;

CREATE SCHEMA strata;
COMMENT ON SCHEMA strata IS 'pg_strata: user segmentation inside the warehouse';
CREATE SCHEMA strata_internal;
COMMENT ON SCHEMA strata_internal IS 'what pg_strata is made of: may change with every version';

-- Everyone may use them, nobody may create in them, whatever default privileges say.
DO $$
DECLARE
    granted record;
BEGIN
    FOR granted IN
        SELECT nspname, CASE grantee WHEN 0 THEN 'PUBLIC' ELSE grantee::pg_catalog.regrole::pg_catalog.text END AS role
        FROM pg_catalog.pg_namespace, pg_catalog.aclexplode(nspacl)
        WHERE nspname IN ('strata', 'strata_internal') AND grantee <> nspowner
    LOOP
        EXECUTE pg_catalog.format('REVOKE ALL ON SCHEMA %I FROM %s CASCADE', granted.nspname, granted.role);
    END LOOP;
END
$$;
GRANT USAGE ON SCHEMA strata, strata_internal TO PUBLIC;

-- ----------------------------------------------------------------------------------------------------
-- sql/internal/ledger.sql

-- What the type ledger stands on: its text and binary forms, and what its operators call. The type is complete in
-- public/ledger.sql.

CREATE TYPE strata.ledger;
CREATE FUNCTION strata_internal.ledger_in(cstring) RETURNS strata.ledger
    IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'ledger_in_wrapper';
COMMENT ON FUNCTION strata_internal.ledger_in(cstring) IS 'I/O';
CREATE FUNCTION strata_internal.ledger_out(strata.ledger) RETURNS cstring
    IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'ledger_out_wrapper';
COMMENT ON FUNCTION strata_internal.ledger_out(strata.ledger) IS 'I/O';
CREATE FUNCTION strata_internal.ledger_recv(internal) RETURNS strata.ledger
    IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'ledger_recv_wrapper';
COMMENT ON FUNCTION strata_internal.ledger_recv(internal) IS 'I/O';
CREATE FUNCTION strata_internal.ledger_send(strata.ledger) RETURNS bytea
    IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'ledger_send_wrapper';
COMMENT ON FUNCTION strata_internal.ledger_send(strata.ledger) IS 'I/O';

CREATE FUNCTION strata_internal.ledger_plus(a strata.ledger, b strata.ledger) RETURNS strata.ledger
    IMMUTABLE PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'ledger_plus_wrapper';
COMMENT ON FUNCTION strata_internal.ledger_plus(strata.ledger, strata.ledger) IS 'implementation of + operator';
CREATE FUNCTION strata_internal.ledger_minus(a strata.ledger, b strata.ledger) RETURNS strata.ledger
    IMMUTABLE PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'ledger_minus_wrapper';
COMMENT ON FUNCTION strata_internal.ledger_minus(strata.ledger, strata.ledger) IS 'implementation of - operator';
CREATE FUNCTION strata_internal.ledger_eq(a strata.ledger, b strata.ledger) RETURNS boolean
    IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'ledger_eq_wrapper';
COMMENT ON FUNCTION strata_internal.ledger_eq(strata.ledger, strata.ledger) IS 'implementation of = operator';
CREATE FUNCTION strata_internal.ledger_ne(a strata.ledger, b strata.ledger) RETURNS boolean
    IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'ledger_ne_wrapper';
COMMENT ON FUNCTION strata_internal.ledger_ne(strata.ledger, strata.ledger) IS 'implementation of <> operator';
CREATE FUNCTION strata_internal.ledger_lt(a strata.ledger, b strata.ledger) RETURNS boolean
    IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'ledger_lt_wrapper';
COMMENT ON FUNCTION strata_internal.ledger_lt(strata.ledger, strata.ledger) IS 'implementation of < operator';
CREATE FUNCTION strata_internal.ledger_le(a strata.ledger, b strata.ledger) RETURNS boolean
    IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'ledger_le_wrapper';
COMMENT ON FUNCTION strata_internal.ledger_le(strata.ledger, strata.ledger) IS 'implementation of <= operator';
CREATE FUNCTION strata_internal.ledger_gt(a strata.ledger, b strata.ledger) RETURNS boolean
    IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'ledger_gt_wrapper';
COMMENT ON FUNCTION strata_internal.ledger_gt(strata.ledger, strata.ledger) IS 'implementation of > operator';
CREATE FUNCTION strata_internal.ledger_ge(a strata.ledger, b strata.ledger) RETURNS boolean
    IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'ledger_ge_wrapper';
COMMENT ON FUNCTION strata_internal.ledger_ge(strata.ledger, strata.ledger) IS 'implementation of >= operator';
CREATE FUNCTION strata_internal.ledger_cmp(a strata.ledger, b strata.ledger) RETURNS integer
    IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'ledger_cmp_wrapper';
COMMENT ON FUNCTION strata_internal.ledger_cmp(strata.ledger, strata.ledger) IS 'less-equal-greater';
CREATE FUNCTION strata_internal.ledger_hash(ledger strata.ledger) RETURNS integer
    IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'ledger_hash_wrapper';
COMMENT ON FUNCTION strata_internal.ledger_hash(strata.ledger) IS 'hash';
CREATE FUNCTION strata_internal.ledger_hash_extended(ledger strata.ledger, seed bigint) RETURNS bigint
    IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'ledger_hash_extended_wrapper';
COMMENT ON FUNCTION strata_internal.ledger_hash_extended(strata.ledger, bigint) IS 'hash';

CREATE FUNCTION strata_internal.first_difference(a strata.ledger, b strata.ledger) RETURNS date
    IMMUTABLE PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'first_difference_wrapper';
COMMENT ON FUNCTION strata_internal.first_difference(strata.ledger, strata.ledger) IS
    'first day on which two ledgers differ; a missing one is empty';

-- ----------------------------------------------------------------------------------------------------
-- sql/public/ledger.sql

-- A user's activity from one source as one value, and its algebra. Order and hash act on the canonical bytes.

CREATE TYPE strata.ledger (
    INPUT = strata_internal.ledger_in,
    OUTPUT = strata_internal.ledger_out,
    RECEIVE = strata_internal.ledger_recv,
    SEND = strata_internal.ledger_send,
    INTERNALLENGTH = VARIABLE,
    STORAGE = extended
);
COMMENT ON TYPE strata.ledger IS
    'a user''s activity from one source: for each day the events, the exact gross amount and the exact credits';

CREATE OPERATOR strata.+ (
    FUNCTION = strata_internal.ledger_plus, LEFTARG = strata.ledger, RIGHTARG = strata.ledger,
    COMMUTATOR = OPERATOR(strata.+)
);
COMMENT ON OPERATOR strata.+ (strata.ledger, strata.ledger) IS 'everything of both ledgers';
CREATE OPERATOR strata.- (
    FUNCTION = strata_internal.ledger_minus, LEFTARG = strata.ledger, RIGHTARG = strata.ledger
);
COMMENT ON OPERATOR strata.- (strata.ledger, strata.ledger) IS 'the first ledger without the second';
CREATE OPERATOR strata.= (
    FUNCTION = strata_internal.ledger_eq, LEFTARG = strata.ledger, RIGHTARG = strata.ledger,
    COMMUTATOR = OPERATOR(strata.=), NEGATOR = OPERATOR(strata.<>), RESTRICT = eqsel, JOIN = eqjoinsel, HASHES, MERGES
);
COMMENT ON OPERATOR strata.= (strata.ledger, strata.ledger) IS 'equal';
CREATE OPERATOR strata.<> (
    FUNCTION = strata_internal.ledger_ne, LEFTARG = strata.ledger, RIGHTARG = strata.ledger,
    COMMUTATOR = OPERATOR(strata.<>), NEGATOR = OPERATOR(strata.=), RESTRICT = neqsel, JOIN = neqjoinsel
);
COMMENT ON OPERATOR strata.<> (strata.ledger, strata.ledger) IS 'not equal';
CREATE OPERATOR strata.< (
    FUNCTION = strata_internal.ledger_lt, LEFTARG = strata.ledger, RIGHTARG = strata.ledger,
    COMMUTATOR = OPERATOR(strata.>), NEGATOR = OPERATOR(strata.>=), RESTRICT = scalarltsel, JOIN = scalarltjoinsel
);
COMMENT ON OPERATOR strata.< (strata.ledger, strata.ledger) IS 'less than';
CREATE OPERATOR strata.<= (
    FUNCTION = strata_internal.ledger_le, LEFTARG = strata.ledger, RIGHTARG = strata.ledger,
    COMMUTATOR = OPERATOR(strata.>=), NEGATOR = OPERATOR(strata.>), RESTRICT = scalarlesel, JOIN = scalarlejoinsel
);
COMMENT ON OPERATOR strata.<= (strata.ledger, strata.ledger) IS 'less than or equal';
CREATE OPERATOR strata.> (
    FUNCTION = strata_internal.ledger_gt, LEFTARG = strata.ledger, RIGHTARG = strata.ledger,
    COMMUTATOR = OPERATOR(strata.<), NEGATOR = OPERATOR(strata.<=), RESTRICT = scalargtsel, JOIN = scalargtjoinsel
);
COMMENT ON OPERATOR strata.> (strata.ledger, strata.ledger) IS 'greater than';
CREATE OPERATOR strata.>= (
    FUNCTION = strata_internal.ledger_ge, LEFTARG = strata.ledger, RIGHTARG = strata.ledger,
    COMMUTATOR = OPERATOR(strata.<=), NEGATOR = OPERATOR(strata.<), RESTRICT = scalargesel, JOIN = scalargejoinsel
);
COMMENT ON OPERATOR strata.>= (strata.ledger, strata.ledger) IS 'greater than or equal';

CREATE OPERATOR CLASS strata.ledger_ops DEFAULT FOR TYPE strata.ledger USING btree AS
    OPERATOR 1 strata.<,
    OPERATOR 2 strata.<=,
    OPERATOR 3 strata.=,
    OPERATOR 4 strata.>=,
    OPERATOR 5 strata.>,
    FUNCTION 1 strata_internal.ledger_cmp(strata.ledger, strata.ledger);
COMMENT ON OPERATOR CLASS strata.ledger_ops USING btree IS 'order of ledgers';
COMMENT ON OPERATOR FAMILY strata.ledger_ops USING btree IS 'order of ledgers';
CREATE OPERATOR CLASS strata.ledger_ops DEFAULT FOR TYPE strata.ledger USING hash AS
    OPERATOR 1 strata.=,
    FUNCTION 1 strata_internal.ledger_hash(strata.ledger),
    FUNCTION 2 strata_internal.ledger_hash_extended(strata.ledger, bigint);
COMMENT ON OPERATOR CLASS strata.ledger_ops USING hash IS 'hash of ledgers';
COMMENT ON OPERATOR FAMILY strata.ledger_ops USING hash IS 'hash of ledgers';

CREATE FUNCTION strata.clip(ledger strata.ledger, from_day date, to_day date) RETURNS strata.ledger
    IMMUTABLE PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'clip_wrapper';
COMMENT ON FUNCTION strata.clip(strata.ledger, date, date) IS
    'the days of a ledger from from_day to to_day, both included';
CREATE FUNCTION strata.entries(ledger strata.ledger)
RETURNS TABLE (day date, events bigint, gross_amount numeric, credit_amount numeric)
IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'entries_wrapper';
COMMENT ON FUNCTION strata.entries(strata.ledger) IS 'the days of a ledger as rows';

-- ----------------------------------------------------------------------------------------------------
-- sql/public/ledger_readers.sql

-- What a ledger says as of a day: all of (ledger, as_of [, window_days]).

CREATE FUNCTION strata.recency(ledger strata.ledger, as_of date, window_days integer DEFAULT NULL) RETURNS integer
    IMMUTABLE PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'recency_wrapper';
COMMENT ON FUNCTION strata.recency(strata.ledger, date, integer) IS 'days from the last active day to as_of';
CREATE FUNCTION strata.frequency(ledger strata.ledger, as_of date, window_days integer DEFAULT NULL) RETURNS bigint
    IMMUTABLE PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'frequency_wrapper';
COMMENT ON FUNCTION strata.frequency(strata.ledger, date, integer) IS 'number of events up to as_of';
CREATE FUNCTION strata.monetary(ledger strata.ledger, as_of date, window_days integer DEFAULT NULL) RETURNS numeric
    IMMUTABLE PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'monetary_wrapper';
COMMENT ON FUNCTION strata.monetary(strata.ledger, date, integer) IS
    'net amount up to as_of: gross amount less credits';
CREATE FUNCTION strata.active_days(ledger strata.ledger, as_of date, window_days integer DEFAULT NULL) RETURNS integer
    IMMUTABLE PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'active_days_wrapper';
COMMENT ON FUNCTION strata.active_days(strata.ledger, date, integer) IS 'number of days with an event up to as_of';
CREATE FUNCTION strata.tenure(ledger strata.ledger, as_of date, window_days integer DEFAULT NULL) RETURNS integer
    IMMUTABLE PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'tenure_wrapper';
COMMENT ON FUNCTION strata.tenure(strata.ledger, date, integer) IS 'days from the first active day to as_of';
CREATE FUNCTION strata.first_day(ledger strata.ledger, as_of date, window_days integer DEFAULT NULL) RETURNS date
    IMMUTABLE PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'first_day_wrapper';
COMMENT ON FUNCTION strata.first_day(strata.ledger, date, integer) IS 'first active day';
CREATE FUNCTION strata.last_day(ledger strata.ledger, as_of date, window_days integer DEFAULT NULL) RETURNS date
    IMMUTABLE PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'last_day_wrapper';
COMMENT ON FUNCTION strata.last_day(strata.ledger, date, integer) IS 'last active day up to as_of';
CREATE FUNCTION strata.gross_amount(ledger strata.ledger, as_of date, window_days integer DEFAULT NULL) RETURNS numeric
    IMMUTABLE PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'gross_amount_wrapper';
COMMENT ON FUNCTION strata.gross_amount(strata.ledger, date, integer) IS 'sum of the amounts of events up to as_of';
CREATE FUNCTION strata.credit_amount(ledger strata.ledger, as_of date, window_days integer DEFAULT NULL) RETURNS numeric
    IMMUTABLE PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'credit_amount_wrapper';
COMMENT ON FUNCTION strata.credit_amount(strata.ledger, date, integer) IS
    'sum of the credits up to as_of, as a positive number';
CREATE FUNCTION strata.average_amount(
    ledger strata.ledger,
    as_of date,
    window_days integer DEFAULT NULL
) RETURNS numeric IMMUTABLE PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'average_amount_wrapper';
COMMENT ON FUNCTION strata.average_amount(strata.ledger, date, integer) IS 'net amount per event up to as_of';
CREATE FUNCTION strata.first_amount(ledger strata.ledger, as_of date, window_days integer DEFAULT NULL) RETURNS numeric
    IMMUTABLE PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'first_amount_wrapper';
COMMENT ON FUNCTION strata.first_amount(strata.ledger, date, integer) IS 'net amount of the first active day';

-- ----------------------------------------------------------------------------------------------------
-- sql/internal/ledger_agg.sql

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

-- ----------------------------------------------------------------------------------------------------
-- sql/public/ledger_agg.sql

-- ledger_agg and rollup, written out so that volatility, parallelism, combine function and state size are there to see.

CREATE AGGREGATE strata.ledger_agg(at date) (
    SFUNC = strata_internal.ledger_agg_transition, STYPE = strata.ledger, SSPACE = 256,
    FINALFUNC = strata_internal.ledger_seal, COMBINEFUNC = strata_internal.ledger_merge, PARALLEL = SAFE
);
COMMENT ON AGGREGATE strata.ledger_agg(date) IS 'ledger of events by date, without amounts';
CREATE AGGREGATE strata.ledger_agg(at date, amount numeric) (
    SFUNC = strata_internal.ledger_agg_transition, STYPE = strata.ledger, SSPACE = 256,
    FINALFUNC = strata_internal.ledger_seal, COMBINEFUNC = strata_internal.ledger_merge, PARALLEL = SAFE
);
COMMENT ON AGGREGATE strata.ledger_agg(date, numeric) IS 'ledger of events by date, with exact amounts';
CREATE AGGREGATE strata.ledger_agg(at date, amount bigint) (
    SFUNC = strata_internal.ledger_agg_transition, STYPE = strata.ledger, SSPACE = 256,
    FINALFUNC = strata_internal.ledger_seal, COMBINEFUNC = strata_internal.ledger_merge, PARALLEL = SAFE
);
COMMENT ON AGGREGATE strata.ledger_agg(date, bigint) IS 'ledger of events by date, with whole amounts';
CREATE AGGREGATE strata.ledger_agg(at date, amount integer) (
    SFUNC = strata_internal.ledger_agg_transition, STYPE = strata.ledger, SSPACE = 256,
    FINALFUNC = strata_internal.ledger_seal, COMBINEFUNC = strata_internal.ledger_merge, PARALLEL = SAFE
);
COMMENT ON AGGREGATE strata.ledger_agg(date, integer) IS 'ledger of events by date, with whole amounts';
CREATE AGGREGATE strata.ledger_agg(at date, amount double precision) (
    SFUNC = strata_internal.ledger_agg_transition, STYPE = strata.ledger, SSPACE = 256,
    FINALFUNC = strata_internal.ledger_seal, COMBINEFUNC = strata_internal.ledger_merge, PARALLEL = SAFE
);
COMMENT ON AGGREGATE strata.ledger_agg(date, double precision) IS
    'ledger of events by date, with amounts rounded to 6 decimals';
CREATE AGGREGATE strata.ledger_agg(at date, amount numeric, time_zone text) (
    SFUNC = strata_internal.ledger_agg_transition, STYPE = strata.ledger, SSPACE = 256,
    FINALFUNC = strata_internal.ledger_seal, COMBINEFUNC = strata_internal.ledger_merge, PARALLEL = SAFE
);
COMMENT ON AGGREGATE strata.ledger_agg(date, numeric, text) IS
    'ledger of events by date, with exact amounts; needs no time zone';
CREATE AGGREGATE strata.ledger_agg(at date, amount bigint, time_zone text) (
    SFUNC = strata_internal.ledger_agg_transition, STYPE = strata.ledger, SSPACE = 256,
    FINALFUNC = strata_internal.ledger_seal, COMBINEFUNC = strata_internal.ledger_merge, PARALLEL = SAFE
);
COMMENT ON AGGREGATE strata.ledger_agg(date, bigint, text) IS
    'ledger of events by date, with whole amounts; needs no time zone';
CREATE AGGREGATE strata.ledger_agg(at date, amount integer, time_zone text) (
    SFUNC = strata_internal.ledger_agg_transition, STYPE = strata.ledger, SSPACE = 256,
    FINALFUNC = strata_internal.ledger_seal, COMBINEFUNC = strata_internal.ledger_merge, PARALLEL = SAFE
);
COMMENT ON AGGREGATE strata.ledger_agg(date, integer, text) IS
    'ledger of events by date, with whole amounts; needs no time zone';
CREATE AGGREGATE strata.ledger_agg(at date, amount double precision, time_zone text) (
    SFUNC = strata_internal.ledger_agg_transition, STYPE = strata.ledger, SSPACE = 256,
    FINALFUNC = strata_internal.ledger_seal, COMBINEFUNC = strata_internal.ledger_merge, PARALLEL = SAFE
);
COMMENT ON AGGREGATE strata.ledger_agg(date, double precision, text) IS
    'ledger of events by date, with amounts rounded to 6 decimals; needs no time zone';
CREATE AGGREGATE strata.ledger_agg(at timestamp) (
    SFUNC = strata_internal.ledger_agg_transition, STYPE = strata.ledger, SSPACE = 256,
    FINALFUNC = strata_internal.ledger_seal, COMBINEFUNC = strata_internal.ledger_merge, PARALLEL = SAFE
);
COMMENT ON AGGREGATE strata.ledger_agg(timestamp) IS
    'ledger of events by the date of a timestamp, as it stands, without amounts';
CREATE AGGREGATE strata.ledger_agg(at timestamp, amount numeric) (
    SFUNC = strata_internal.ledger_agg_transition, STYPE = strata.ledger, SSPACE = 256,
    FINALFUNC = strata_internal.ledger_seal, COMBINEFUNC = strata_internal.ledger_merge, PARALLEL = SAFE
);
COMMENT ON AGGREGATE strata.ledger_agg(timestamp, numeric) IS
    'ledger of events by the date of a timestamp, as it stands, with exact amounts';
CREATE AGGREGATE strata.ledger_agg(at timestamp, amount bigint) (
    SFUNC = strata_internal.ledger_agg_transition, STYPE = strata.ledger, SSPACE = 256,
    FINALFUNC = strata_internal.ledger_seal, COMBINEFUNC = strata_internal.ledger_merge, PARALLEL = SAFE
);
COMMENT ON AGGREGATE strata.ledger_agg(timestamp, bigint) IS
    'ledger of events by the date of a timestamp, as it stands, with whole amounts';
CREATE AGGREGATE strata.ledger_agg(at timestamp, amount integer) (
    SFUNC = strata_internal.ledger_agg_transition, STYPE = strata.ledger, SSPACE = 256,
    FINALFUNC = strata_internal.ledger_seal, COMBINEFUNC = strata_internal.ledger_merge, PARALLEL = SAFE
);
COMMENT ON AGGREGATE strata.ledger_agg(timestamp, integer) IS
    'ledger of events by the date of a timestamp, as it stands, with whole amounts';
CREATE AGGREGATE strata.ledger_agg(at timestamp, amount double precision) (
    SFUNC = strata_internal.ledger_agg_transition, STYPE = strata.ledger, SSPACE = 256,
    FINALFUNC = strata_internal.ledger_seal, COMBINEFUNC = strata_internal.ledger_merge, PARALLEL = SAFE
);
COMMENT ON AGGREGATE strata.ledger_agg(timestamp, double precision) IS
    'ledger of events by the date of a timestamp, as it stands, with amounts rounded to 6 decimals';
CREATE AGGREGATE strata.ledger_agg(at timestamp, amount numeric, time_zone text) (
    SFUNC = strata_internal.ledger_agg_transition, STYPE = strata.ledger, SSPACE = 256,
    FINALFUNC = strata_internal.ledger_seal, COMBINEFUNC = strata_internal.ledger_merge, PARALLEL = SAFE
);
COMMENT ON AGGREGATE strata.ledger_agg(timestamp, numeric, text) IS
    'ledger of events by the date of a timestamp, as it stands, with exact amounts; needs no time zone';
CREATE AGGREGATE strata.ledger_agg(at timestamp, amount bigint, time_zone text) (
    SFUNC = strata_internal.ledger_agg_transition, STYPE = strata.ledger, SSPACE = 256,
    FINALFUNC = strata_internal.ledger_seal, COMBINEFUNC = strata_internal.ledger_merge, PARALLEL = SAFE
);
COMMENT ON AGGREGATE strata.ledger_agg(timestamp, bigint, text) IS
    'ledger of events by the date of a timestamp, as it stands, with whole amounts; needs no time zone';
CREATE AGGREGATE strata.ledger_agg(at timestamp, amount integer, time_zone text) (
    SFUNC = strata_internal.ledger_agg_transition, STYPE = strata.ledger, SSPACE = 256,
    FINALFUNC = strata_internal.ledger_seal, COMBINEFUNC = strata_internal.ledger_merge, PARALLEL = SAFE
);
COMMENT ON AGGREGATE strata.ledger_agg(timestamp, integer, text) IS
    'ledger of events by the date of a timestamp, as it stands, with whole amounts; needs no time zone';
CREATE AGGREGATE strata.ledger_agg(at timestamp, amount double precision, time_zone text) (
    SFUNC = strata_internal.ledger_agg_transition, STYPE = strata.ledger, SSPACE = 256,
    FINALFUNC = strata_internal.ledger_seal, COMBINEFUNC = strata_internal.ledger_merge, PARALLEL = SAFE
);
COMMENT ON AGGREGATE strata.ledger_agg(timestamp, double precision, text) IS
    'ledger of events by the date of a timestamp, as it stands, with amounts rounded to 6 decimals; needs no time zone';
CREATE AGGREGATE strata.ledger_agg(at timestamptz) (
    SFUNC = strata_internal.ledger_agg_transition, STYPE = strata.ledger, SSPACE = 256,
    FINALFUNC = strata_internal.ledger_seal, COMBINEFUNC = strata_internal.ledger_merge, PARALLEL = SAFE
);
COMMENT ON AGGREGATE strata.ledger_agg(timestamptz) IS 'refused: the day of an instant needs a time zone';
CREATE AGGREGATE strata.ledger_agg(at timestamptz, amount numeric) (
    SFUNC = strata_internal.ledger_agg_transition, STYPE = strata.ledger, SSPACE = 256,
    FINALFUNC = strata_internal.ledger_seal, COMBINEFUNC = strata_internal.ledger_merge, PARALLEL = SAFE
);
COMMENT ON AGGREGATE strata.ledger_agg(timestamptz, numeric) IS 'refused: the day of an instant needs a time zone';
CREATE AGGREGATE strata.ledger_agg(at timestamptz, amount bigint) (
    SFUNC = strata_internal.ledger_agg_transition, STYPE = strata.ledger, SSPACE = 256,
    FINALFUNC = strata_internal.ledger_seal, COMBINEFUNC = strata_internal.ledger_merge, PARALLEL = SAFE
);
COMMENT ON AGGREGATE strata.ledger_agg(timestamptz, bigint) IS 'refused: the day of an instant needs a time zone';
CREATE AGGREGATE strata.ledger_agg(at timestamptz, amount integer) (
    SFUNC = strata_internal.ledger_agg_transition, STYPE = strata.ledger, SSPACE = 256,
    FINALFUNC = strata_internal.ledger_seal, COMBINEFUNC = strata_internal.ledger_merge, PARALLEL = SAFE
);
COMMENT ON AGGREGATE strata.ledger_agg(timestamptz, integer) IS 'refused: the day of an instant needs a time zone';
CREATE AGGREGATE strata.ledger_agg(at timestamptz, amount double precision) (
    SFUNC = strata_internal.ledger_agg_transition, STYPE = strata.ledger, SSPACE = 256,
    FINALFUNC = strata_internal.ledger_seal, COMBINEFUNC = strata_internal.ledger_merge, PARALLEL = SAFE
);
COMMENT ON AGGREGATE strata.ledger_agg(timestamptz, double precision) IS
    'refused: the day of an instant needs a time zone';
CREATE AGGREGATE strata.ledger_agg(at timestamptz, amount numeric, time_zone text) (
    SFUNC = strata_internal.ledger_agg_transition, STYPE = strata.ledger, SSPACE = 256,
    FINALFUNC = strata_internal.ledger_seal, COMBINEFUNC = strata_internal.ledger_merge, PARALLEL = SAFE
);
COMMENT ON AGGREGATE strata.ledger_agg(timestamptz, numeric, text) IS
    'ledger of events by the local date of an instant in a time zone, with exact amounts';
CREATE AGGREGATE strata.ledger_agg(at timestamptz, amount bigint, time_zone text) (
    SFUNC = strata_internal.ledger_agg_transition, STYPE = strata.ledger, SSPACE = 256,
    FINALFUNC = strata_internal.ledger_seal, COMBINEFUNC = strata_internal.ledger_merge, PARALLEL = SAFE
);
COMMENT ON AGGREGATE strata.ledger_agg(timestamptz, bigint, text) IS
    'ledger of events by the local date of an instant in a time zone, with whole amounts';
CREATE AGGREGATE strata.ledger_agg(at timestamptz, amount integer, time_zone text) (
    SFUNC = strata_internal.ledger_agg_transition, STYPE = strata.ledger, SSPACE = 256,
    FINALFUNC = strata_internal.ledger_seal, COMBINEFUNC = strata_internal.ledger_merge, PARALLEL = SAFE
);
COMMENT ON AGGREGATE strata.ledger_agg(timestamptz, integer, text) IS
    'ledger of events by the local date of an instant in a time zone, with whole amounts';
CREATE AGGREGATE strata.ledger_agg(at timestamptz, amount double precision, time_zone text) (
    SFUNC = strata_internal.ledger_agg_transition, STYPE = strata.ledger, SSPACE = 256,
    FINALFUNC = strata_internal.ledger_seal, COMBINEFUNC = strata_internal.ledger_merge, PARALLEL = SAFE
);
COMMENT ON AGGREGATE strata.ledger_agg(timestamptz, double precision, text) IS
    'ledger of events by the local date of an instant in a time zone, with amounts rounded to 6 decimals';
CREATE AGGREGATE strata.ledger_agg(at timestamptz, time_zone text) (
    SFUNC = strata_internal.ledger_agg_transition, STYPE = strata.ledger, SSPACE = 256,
    FINALFUNC = strata_internal.ledger_seal, COMBINEFUNC = strata_internal.ledger_merge, PARALLEL = SAFE
);
COMMENT ON AGGREGATE strata.ledger_agg(timestamptz, text) IS
    'ledger of events by the local date of an instant in a time zone, without amounts';

CREATE AGGREGATE strata.rollup(ledger strata.ledger) (
    SFUNC = strata_internal.ledger_merge, STYPE = strata.ledger, SSPACE = 256,
    FINALFUNC = strata_internal.ledger_seal, COMBINEFUNC = strata_internal.ledger_merge, PARALLEL = SAFE
);
COMMENT ON AGGREGATE strata.rollup(strata.ledger) IS 'all ledgers as one';

-- ----------------------------------------------------------------------------------------------------
-- sql/internal/bulk_agg.sql

-- The engine of ledgers, rfm and rfm_summary: all users of a query at once. It works only below the functions that
-- start it.

CREATE FUNCTION strata_internal.bulk_agg_transition(internal, "any", "any", "any", text, date, integer) RETURNS internal
    IMMUTABLE PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'bulk_agg_transition';
COMMENT ON FUNCTION strata_internal.bulk_agg_transition(internal, "any", "any", "any", text, date, integer) IS
    'transition function of bulk_agg';
CREATE FUNCTION strata_internal.bulk_agg_serialize(internal) RETURNS bytea
    IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'bulk_agg_serialize';
COMMENT ON FUNCTION strata_internal.bulk_agg_serialize(internal) IS 'part of a parallel worker as bytes';
CREATE FUNCTION strata_internal.bulk_agg_deserialize(bytea, internal) RETURNS internal
    IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'bulk_agg_deserialize';
COMMENT ON FUNCTION strata_internal.bulk_agg_deserialize(bytea, internal) IS 'part of a parallel worker as it was sent';
CREATE FUNCTION strata_internal.bulk_agg_combine(internal, internal) RETURNS internal
    IMMUTABLE PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'bulk_agg_combine';
COMMENT ON FUNCTION strata_internal.bulk_agg_combine(internal, internal) IS 'combine function of bulk_agg';
CREATE FUNCTION strata_internal.bulk_agg_final(internal) RETURNS void
    IMMUTABLE PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'bulk_agg_final';
COMMENT ON FUNCTION strata_internal.bulk_agg_final(internal) IS 'final function of bulk_agg';

CREATE AGGREGATE strata_internal.bulk_agg("any", "any", "any", time_zone text, as_of date, window_days integer) (
    SFUNC = strata_internal.bulk_agg_transition, STYPE = internal, SSPACE = 1048576,
    FINALFUNC = strata_internal.bulk_agg_final, FINALFUNC_MODIFY = READ_WRITE,
    COMBINEFUNC = strata_internal.bulk_agg_combine, SERIALFUNC = strata_internal.bulk_agg_serialize,
    DESERIALFUNC = strata_internal.bulk_agg_deserialize, PARALLEL = SAFE
);
COMMENT ON AGGREGATE strata_internal.bulk_agg("any", "any", "any", text, date, integer) IS
    'engine of ledgers, rfm and rfm_summary; works only below them';

-- ----------------------------------------------------------------------------------------------------
-- sql/public/ledgers.sql

-- The ledgers of all users of a query. STABLE: the caller's snapshot, and nothing but reading.
--
-- With the user as the type of user_type, whose value is not looked at: user_type => NULL::bigint. One function for
-- each type, not a polymorphic one: PostgreSQL mistakes the row type of those when arguments are named in another
-- order.

CREATE FUNCTION strata.ledgers(query text, time_zone text DEFAULT NULL, user_type text DEFAULT NULL)
RETURNS TABLE (user_id text, ledger strata.ledger)
STABLE ROWS 100000 LANGUAGE c AS 'MODULE_PATHNAME', 'ledgers';
COMMENT ON FUNCTION strata.ledgers(text, text, text) IS 'ledger of every user, from a query of events';
CREATE FUNCTION strata.ledgers(query text, user_type bigint, time_zone text DEFAULT NULL)
RETURNS TABLE (user_id bigint, ledger strata.ledger)
STABLE ROWS 100000 LANGUAGE c AS 'MODULE_PATHNAME', 'ledgers';
COMMENT ON FUNCTION strata.ledgers(text, bigint, text) IS
    'ledger of every user, from a query of events; the user as bigint';
CREATE FUNCTION strata.ledgers(query text, user_type integer, time_zone text DEFAULT NULL)
RETURNS TABLE (user_id integer, ledger strata.ledger)
STABLE ROWS 100000 LANGUAGE c AS 'MODULE_PATHNAME', 'ledgers';
COMMENT ON FUNCTION strata.ledgers(text, integer, text) IS
    'ledger of every user, from a query of events; the user as integer';
CREATE FUNCTION strata.ledgers(query text, user_type uuid, time_zone text DEFAULT NULL)
RETURNS TABLE (user_id uuid, ledger strata.ledger)
STABLE ROWS 100000 LANGUAGE c AS 'MODULE_PATHNAME', 'ledgers';
COMMENT ON FUNCTION strata.ledgers(text, uuid, text) IS
    'ledger of every user, from a query of events; the user as uuid';

-- ----------------------------------------------------------------------------------------------------
-- sql/internal/cuts.sql

-- What the type cuts and the aggregate cuts_agg stand on. The state is a flat bytea: parallel workers and sharded
-- servers can ship it.

CREATE TYPE strata.cuts;
CREATE FUNCTION strata_internal.cuts_in(cstring) RETURNS strata.cuts
    IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'cuts_in_wrapper';
COMMENT ON FUNCTION strata_internal.cuts_in(cstring) IS 'I/O';
CREATE FUNCTION strata_internal.cuts_out(strata.cuts) RETURNS cstring
    IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'cuts_out_wrapper';
COMMENT ON FUNCTION strata_internal.cuts_out(strata.cuts) IS 'I/O';
CREATE FUNCTION strata_internal.cuts_recv(internal) RETURNS strata.cuts
    IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'cuts_recv_wrapper';
COMMENT ON FUNCTION strata_internal.cuts_recv(internal) IS 'I/O';
CREATE FUNCTION strata_internal.cuts_send(strata.cuts) RETURNS bytea
    IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'cuts_send_wrapper';
COMMENT ON FUNCTION strata_internal.cuts_send(strata.cuts) IS 'I/O';

CREATE FUNCTION strata_internal.cuts_agg_combine(bytea, bytea) RETURNS bytea
    IMMUTABLE PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'cuts_agg_combine';
COMMENT ON FUNCTION strata_internal.cuts_agg_combine(bytea, bytea) IS 'combine function of cuts_agg';
CREATE FUNCTION strata_internal.cuts_agg_final(bytea) RETURNS strata.cuts
    IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'cuts_agg_final_wrapper';
COMMENT ON FUNCTION strata_internal.cuts_agg_final(bytea) IS 'final function of cuts_agg';
CREATE FUNCTION strata_internal.cuts_agg_transition(bytea, numeric) RETURNS bytea
    IMMUTABLE PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'cuts_agg_transition';
COMMENT ON FUNCTION strata_internal.cuts_agg_transition(bytea, numeric) IS 'transition function of cuts_agg';
CREATE FUNCTION strata_internal.cuts_agg_transition(bytea, numeric, integer) RETURNS bytea
    IMMUTABLE PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'cuts_agg_transition';
COMMENT ON FUNCTION strata_internal.cuts_agg_transition(bytea, numeric, integer) IS 'transition function of cuts_agg';
CREATE FUNCTION strata_internal.cuts_agg_transition(bytea, numeric, integer, text) RETURNS bytea
    IMMUTABLE PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'cuts_agg_transition';
COMMENT ON FUNCTION strata_internal.cuts_agg_transition(bytea, numeric, integer, text) IS
    'transition function of cuts_agg';
CREATE FUNCTION strata_internal.cuts_agg_transition(bytea, numeric, integer, text, text) RETURNS bytea
    IMMUTABLE PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'cuts_agg_transition';
COMMENT ON FUNCTION strata_internal.cuts_agg_transition(bytea, numeric, integer, text, text) IS
    'transition function of cuts_agg';

-- ----------------------------------------------------------------------------------------------------
-- sql/public/cuts.sql

-- Scores of one metric by its exact cut points over a set of users.

CREATE TYPE strata.cuts (
    INPUT = strata_internal.cuts_in,
    OUTPUT = strata_internal.cuts_out,
    RECEIVE = strata_internal.cuts_recv,
    SEND = strata_internal.cuts_send,
    INTERNALLENGTH = VARIABLE,
    STORAGE = extended
);
COMMENT ON TYPE strata.cuts IS
    'the exact cut points of one metric over a set of users, with bins, tie policy, direction and means';

CREATE AGGREGATE strata.cuts_agg(value numeric) (
    SFUNC = strata_internal.cuts_agg_transition, STYPE = bytea, SSPACE = 1024,
    FINALFUNC = strata_internal.cuts_agg_final, COMBINEFUNC = strata_internal.cuts_agg_combine, PARALLEL = SAFE
);
COMMENT ON AGGREGATE strata.cuts_agg(numeric) IS 'cut points of a metric over a set of users';
CREATE AGGREGATE strata.cuts_agg(value numeric, bins integer) (
    SFUNC = strata_internal.cuts_agg_transition, STYPE = bytea, SSPACE = 1024,
    FINALFUNC = strata_internal.cuts_agg_final, COMBINEFUNC = strata_internal.cuts_agg_combine, PARALLEL = SAFE
);
COMMENT ON AGGREGATE strata.cuts_agg(numeric, integer) IS 'cut points of a metric over a set of users';
CREATE AGGREGATE strata.cuts_agg(value numeric, bins integer, ties text) (
    SFUNC = strata_internal.cuts_agg_transition, STYPE = bytea, SSPACE = 1024,
    FINALFUNC = strata_internal.cuts_agg_final, COMBINEFUNC = strata_internal.cuts_agg_combine, PARALLEL = SAFE
);
COMMENT ON AGGREGATE strata.cuts_agg(numeric, integer, text) IS 'cut points of a metric over a set of users';
CREATE AGGREGATE strata.cuts_agg(value numeric, bins integer, ties text, best text) (
    SFUNC = strata_internal.cuts_agg_transition, STYPE = bytea, SSPACE = 1024,
    FINALFUNC = strata_internal.cuts_agg_final, COMBINEFUNC = strata_internal.cuts_agg_combine, PARALLEL = SAFE
);
COMMENT ON AGGREGATE strata.cuts_agg(numeric, integer, text, text) IS 'cut points of a metric over a set of users';

CREATE FUNCTION strata.score(value numeric, cuts strata.cuts) RETURNS smallint
    IMMUTABLE PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'score_wrapper';
COMMENT ON FUNCTION strata.score(numeric, strata.cuts) IS 'score of a value by cut points, from 1 to bins';

-- ----------------------------------------------------------------------------------------------------
-- sql/public/quantile_score.sql

-- ntile that keeps ties together.

CREATE FUNCTION strata.quantile_score(value anyelement, bins integer) RETURNS smallint
    WINDOW IMMUTABLE PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'quantile_score';
COMMENT ON FUNCTION strata.quantile_score(anyelement, integer) IS
    'score of a row''s value among those of its partition, equal values getting equal scores';
CREATE FUNCTION strata.quantile_score(value anyelement, bins integer, ties text) RETURNS smallint
    WINDOW IMMUTABLE PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'quantile_score';
COMMENT ON FUNCTION strata.quantile_score(anyelement, integer, text) IS
    'score of a row''s value among those of its partition, equal values getting equal scores';
CREATE FUNCTION strata.quantile_score(value anyelement, bins integer, ties text, best text) RETURNS smallint
    WINDOW IMMUTABLE PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'quantile_score';
COMMENT ON FUNCTION strata.quantile_score(anyelement, integer, text, text) IS
    'score of a row''s value among those of its partition, equal values getting equal scores';

-- ----------------------------------------------------------------------------------------------------
-- sql/internal/rfm_cuts.sql

-- What the type rfm_cuts and the aggregate rfm_cuts_agg stand on. The state is a flat bytea, as that of cuts_agg.

CREATE TYPE strata.rfm_cuts;
CREATE FUNCTION strata_internal.rfm_cuts_in(cstring) RETURNS strata.rfm_cuts
    IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'rfm_cuts_in_wrapper';
COMMENT ON FUNCTION strata_internal.rfm_cuts_in(cstring) IS 'I/O';
CREATE FUNCTION strata_internal.rfm_cuts_out(strata.rfm_cuts) RETURNS cstring
    IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'rfm_cuts_out_wrapper';
COMMENT ON FUNCTION strata_internal.rfm_cuts_out(strata.rfm_cuts) IS 'I/O';
CREATE FUNCTION strata_internal.rfm_cuts_recv(internal) RETURNS strata.rfm_cuts
    IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'rfm_cuts_recv_wrapper';
COMMENT ON FUNCTION strata_internal.rfm_cuts_recv(internal) IS 'I/O';
CREATE FUNCTION strata_internal.rfm_cuts_send(strata.rfm_cuts) RETURNS bytea
    IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'rfm_cuts_send_wrapper';
COMMENT ON FUNCTION strata_internal.rfm_cuts_send(strata.rfm_cuts) IS 'I/O';

CREATE FUNCTION strata_internal.rfm_cuts_agg_combine(bytea, bytea) RETURNS bytea
    IMMUTABLE PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'rfm_cuts_agg_combine';
COMMENT ON FUNCTION strata_internal.rfm_cuts_agg_combine(bytea, bytea) IS 'combine function of rfm_cuts_agg';
CREATE FUNCTION strata_internal.rfm_cuts_agg_final(bytea) RETURNS strata.rfm_cuts
    IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'rfm_cuts_agg_final_wrapper';
COMMENT ON FUNCTION strata_internal.rfm_cuts_agg_final(bytea) IS 'final function of rfm_cuts_agg';
CREATE FUNCTION strata_internal.rfm_cuts_agg_transition(bytea, integer, bigint, numeric) RETURNS bytea
    IMMUTABLE PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'rfm_cuts_agg_transition';
COMMENT ON FUNCTION strata_internal.rfm_cuts_agg_transition(bytea, integer, bigint, numeric) IS
    'transition function of rfm_cuts_agg';
CREATE FUNCTION strata_internal.rfm_cuts_agg_transition(bytea, integer, bigint, numeric, integer) RETURNS bytea
    IMMUTABLE PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'rfm_cuts_agg_transition';
COMMENT ON FUNCTION strata_internal.rfm_cuts_agg_transition(bytea, integer, bigint, numeric, integer) IS
    'transition function of rfm_cuts_agg';
CREATE FUNCTION strata_internal.rfm_cuts_agg_transition(bytea, integer, bigint, numeric, integer, text) RETURNS bytea
    IMMUTABLE PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'rfm_cuts_agg_transition';
COMMENT ON FUNCTION strata_internal.rfm_cuts_agg_transition(bytea, integer, bigint, numeric, integer, text) IS
    'transition function of rfm_cuts_agg';

-- ----------------------------------------------------------------------------------------------------
-- sql/public/rfm_score.sql

-- Recency, frequency and monetary: cut points, scores, segments and groups.

CREATE TYPE strata.rfm_cuts (
    INPUT = strata_internal.rfm_cuts_in,
    OUTPUT = strata_internal.rfm_cuts_out,
    RECEIVE = strata_internal.rfm_cuts_recv,
    SEND = strata_internal.rfm_cuts_send,
    INTERNALLENGTH = VARIABLE,
    STORAGE = extended
);
COMMENT ON TYPE strata.rfm_cuts IS 'the exact cut points of recency, frequency and monetary over the same users';

CREATE TYPE strata.rfm_scores AS (r smallint, f smallint, m smallint);
COMMENT ON TYPE strata.rfm_scores IS 'the scores of one user: r, f and m, from 1 to bins, bins being best';

CREATE AGGREGATE strata.rfm_cuts_agg(recency integer, frequency bigint, monetary numeric) (
    SFUNC = strata_internal.rfm_cuts_agg_transition, STYPE = bytea, SSPACE = 1024,
    FINALFUNC = strata_internal.rfm_cuts_agg_final, COMBINEFUNC = strata_internal.rfm_cuts_agg_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE strata.rfm_cuts_agg(integer, bigint, numeric) IS
    'cut points of recency, frequency and monetary over a set of users';
CREATE AGGREGATE strata.rfm_cuts_agg(recency integer, frequency bigint, monetary numeric, bins integer) (
    SFUNC = strata_internal.rfm_cuts_agg_transition, STYPE = bytea, SSPACE = 1024,
    FINALFUNC = strata_internal.rfm_cuts_agg_final, COMBINEFUNC = strata_internal.rfm_cuts_agg_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE strata.rfm_cuts_agg(integer, bigint, numeric, integer) IS
    'cut points of recency, frequency and monetary over a set of users';
CREATE AGGREGATE strata.rfm_cuts_agg(recency integer, frequency bigint, monetary numeric, bins integer, ties text) (
    SFUNC = strata_internal.rfm_cuts_agg_transition, STYPE = bytea, SSPACE = 1024,
    FINALFUNC = strata_internal.rfm_cuts_agg_final, COMBINEFUNC = strata_internal.rfm_cuts_agg_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE strata.rfm_cuts_agg(integer, bigint, numeric, integer, text) IS
    'cut points of recency, frequency and monetary over a set of users';

CREATE FUNCTION strata.rfm_score(
    recency integer,
    frequency bigint,
    monetary numeric,
    cuts strata.rfm_cuts
) RETURNS strata.rfm_scores IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'rfm_score';
COMMENT ON FUNCTION strata.rfm_score(integer, bigint, numeric, strata.rfm_cuts) IS 'scores of a user by cut points';
CREATE FUNCTION strata.rfm_code(scores strata.rfm_scores) RETURNS text
    IMMUTABLE PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'rfm_code_wrapper';
COMMENT ON FUNCTION strata.rfm_code(strata.rfm_scores) IS 'scores as text, such as 555';
CREATE FUNCTION strata.rfm_segment(
    scores strata.rfm_scores,
    scheme text DEFAULT 'eleven',
    lang text DEFAULT 'en'
) RETURNS text IMMUTABLE PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'rfm_segment_wrapper';
COMMENT ON FUNCTION strata.rfm_segment(strata.rfm_scores, text, text) IS
    'segment of a user by a scheme of scores: eleven or ten segments';
CREATE FUNCTION strata.rfm_group(
    recency integer,
    frequency bigint,
    monetary numeric,
    cuts strata.rfm_cuts,
    split text DEFAULT 'score_mean',
    lang text DEFAULT 'en',
    fixed numeric[] DEFAULT NULL
) RETURNS text IMMUTABLE PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'rfm_group_wrapper';
COMMENT ON FUNCTION strata.rfm_group(integer, bigint, numeric, strata.rfm_cuts, text, text, numeric[]) IS
    'group of a user among the eight of high and low recency, frequency and monetary';

-- ----------------------------------------------------------------------------------------------------
-- sql/public/rfm.sql

-- The main job in one call. STABLE: the caller's snapshot, and nothing but reading. The user is text, or of the type of
-- user_type, as in ledgers.

CREATE FUNCTION strata.rfm(
    query text,
    as_of date,
    time_zone text DEFAULT NULL,
    bins integer DEFAULT 5,
    ties text DEFAULT 'min',
    scheme text DEFAULT 'eleven',
    lang text DEFAULT 'en',
    window_days integer DEFAULT NULL,
    user_type text DEFAULT NULL
) RETURNS TABLE (
    user_id text,
    recency integer,
    frequency bigint,
    monetary numeric,
    r smallint,
    f smallint,
    m smallint,
    code text,
    segment text
) STABLE ROWS 100000 LANGUAGE c AS 'MODULE_PATHNAME', 'rfm';
COMMENT ON FUNCTION strata.rfm(text, date, text, integer, text, text, text, integer, text) IS
    'scores and segment of every user, from a query of events';
CREATE FUNCTION strata.rfm(
    query text,
    as_of date,
    user_type bigint,
    time_zone text DEFAULT NULL,
    bins integer DEFAULT 5,
    ties text DEFAULT 'min',
    scheme text DEFAULT 'eleven',
    lang text DEFAULT 'en',
    window_days integer DEFAULT NULL
) RETURNS TABLE (
    user_id bigint,
    recency integer,
    frequency bigint,
    monetary numeric,
    r smallint,
    f smallint,
    m smallint,
    code text,
    segment text
) STABLE ROWS 100000 LANGUAGE c AS 'MODULE_PATHNAME', 'rfm';
COMMENT ON FUNCTION strata.rfm(text, date, bigint, text, integer, text, text, text, integer) IS
    'scores and segment of every user, from a query of events; the user as bigint';
CREATE FUNCTION strata.rfm(
    query text,
    as_of date,
    user_type integer,
    time_zone text DEFAULT NULL,
    bins integer DEFAULT 5,
    ties text DEFAULT 'min',
    scheme text DEFAULT 'eleven',
    lang text DEFAULT 'en',
    window_days integer DEFAULT NULL
) RETURNS TABLE (
    user_id integer,
    recency integer,
    frequency bigint,
    monetary numeric,
    r smallint,
    f smallint,
    m smallint,
    code text,
    segment text
) STABLE ROWS 100000 LANGUAGE c AS 'MODULE_PATHNAME', 'rfm';
COMMENT ON FUNCTION strata.rfm(text, date, integer, text, integer, text, text, text, integer) IS
    'scores and segment of every user, from a query of events; the user as integer';
CREATE FUNCTION strata.rfm(
    query text,
    as_of date,
    user_type uuid,
    time_zone text DEFAULT NULL,
    bins integer DEFAULT 5,
    ties text DEFAULT 'min',
    scheme text DEFAULT 'eleven',
    lang text DEFAULT 'en',
    window_days integer DEFAULT NULL
) RETURNS TABLE (
    user_id uuid,
    recency integer,
    frequency bigint,
    monetary numeric,
    r smallint,
    f smallint,
    m smallint,
    code text,
    segment text
) STABLE ROWS 100000 LANGUAGE c AS 'MODULE_PATHNAME', 'rfm';
COMMENT ON FUNCTION strata.rfm(text, date, uuid, text, integer, text, text, text, integer) IS
    'scores and segment of every user, from a query of events; the user as uuid';

CREATE FUNCTION strata.rfm_summary(
    query text,
    as_of date,
    time_zone text DEFAULT NULL,
    bins integer DEFAULT 5,
    ties text DEFAULT 'min',
    scheme text DEFAULT 'eleven',
    lang text DEFAULT 'en',
    window_days integer DEFAULT NULL
) RETURNS TABLE (
    segment text,
    users bigint,
    share numeric,
    revenue numeric,
    revenue_share numeric,
    average_recency numeric,
    average_frequency numeric,
    average_monetary numeric
) STABLE ROWS 12 LANGUAGE c AS 'MODULE_PATHNAME', 'rfm_summary';
COMMENT ON FUNCTION strata.rfm_summary(text, date, text, integer, text, text, text, integer) IS
    'users, revenue and averages of every segment, from a query of events';

-- ----------------------------------------------------------------------------------------------------
-- sql/internal/model.sql

-- What the type model stands on: its text and binary forms, and what its operators call.

CREATE TYPE strata.model;
CREATE FUNCTION strata_internal.model_in(cstring) RETURNS strata.model
    IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'model_in_wrapper';
COMMENT ON FUNCTION strata_internal.model_in(cstring) IS 'I/O';
CREATE FUNCTION strata_internal.model_out(strata.model) RETURNS cstring
    IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'model_out_wrapper';
COMMENT ON FUNCTION strata_internal.model_out(strata.model) IS 'I/O';
CREATE FUNCTION strata_internal.model_recv(internal) RETURNS strata.model
    IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'model_recv_wrapper';
COMMENT ON FUNCTION strata_internal.model_recv(internal) IS 'I/O';
CREATE FUNCTION strata_internal.model_send(strata.model) RETURNS bytea
    IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'model_send_wrapper';
COMMENT ON FUNCTION strata_internal.model_send(strata.model) IS 'I/O';

CREATE FUNCTION strata_internal.model_eq(a strata.model, b strata.model) RETURNS boolean
    IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'model_eq_wrapper';
COMMENT ON FUNCTION strata_internal.model_eq(strata.model, strata.model) IS 'implementation of = operator';
CREATE FUNCTION strata_internal.model_ne(a strata.model, b strata.model) RETURNS boolean
    IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'model_ne_wrapper';
COMMENT ON FUNCTION strata_internal.model_ne(strata.model, strata.model) IS 'implementation of <> operator';
CREATE FUNCTION strata_internal.model_hash(model strata.model) RETURNS integer
    IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'model_hash_wrapper';
COMMENT ON FUNCTION strata_internal.model_hash(strata.model) IS 'hash';
CREATE FUNCTION strata_internal.model_hash_extended(model strata.model, seed bigint) RETURNS bigint
    IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'model_hash_extended_wrapper';
COMMENT ON FUNCTION strata_internal.model_hash_extended(strata.model, bigint) IS 'hash';

-- ----------------------------------------------------------------------------------------------------
-- sql/public/model.sql

-- A segmentation model as a value. Equality, for DISTINCT and GROUP BY, is that of canonical bytes.

CREATE TYPE strata.model (
    INPUT = strata_internal.model_in,
    OUTPUT = strata_internal.model_out,
    RECEIVE = strata_internal.model_recv,
    SEND = strata_internal.model_send,
    INTERNALLENGTH = VARIABLE,
    STORAGE = extended
);
COMMENT ON TYPE strata.model IS
    'a segmentation model: who is counted, what is measured, how it is cut, and which layers there are';

CREATE CAST (json AS strata.model) WITH INOUT AS ASSIGNMENT;
COMMENT ON CAST (json AS strata.model) IS 'checks a definition';
CREATE CAST (jsonb AS strata.model) WITH INOUT AS ASSIGNMENT;
COMMENT ON CAST (jsonb AS strata.model) IS 'checks a definition; jsonb has changed the order of its keys';
CREATE CAST (strata.model AS json) WITH INOUT;
COMMENT ON CAST (strata.model AS json) IS 'the definition in canonical form';
CREATE CAST (strata.model AS jsonb) WITH INOUT;
COMMENT ON CAST (strata.model AS jsonb) IS 'the definition, without the order of its keys';

CREATE OPERATOR strata.= (
    FUNCTION = strata_internal.model_eq, LEFTARG = strata.model, RIGHTARG = strata.model,
    COMMUTATOR = OPERATOR(strata.=), NEGATOR = OPERATOR(strata.<>), RESTRICT = eqsel, JOIN = eqjoinsel, HASHES
);
COMMENT ON OPERATOR strata.= (strata.model, strata.model) IS 'equal';
CREATE OPERATOR strata.<> (
    FUNCTION = strata_internal.model_ne, LEFTARG = strata.model, RIGHTARG = strata.model,
    COMMUTATOR = OPERATOR(strata.<>), NEGATOR = OPERATOR(strata.=), RESTRICT = neqsel, JOIN = neqjoinsel
);
COMMENT ON OPERATOR strata.<> (strata.model, strata.model) IS 'not equal';

CREATE OPERATOR CLASS strata.model_hash_ops DEFAULT FOR TYPE strata.model USING hash AS
    OPERATOR 1 strata.=,
    FUNCTION 1 strata_internal.model_hash(strata.model),
    FUNCTION 2 strata_internal.model_hash_extended(strata.model, bigint);
COMMENT ON OPERATOR CLASS strata.model_hash_ops USING hash IS 'equality of models by their canonical bytes';
COMMENT ON OPERATOR FAMILY strata.model_hash_ops USING hash IS 'equality of models by their canonical bytes';

CREATE FUNCTION strata.model_check(model strata.model)
RETURNS TABLE (severity text, path text, finding text, counterexample jsonb)
IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'model_check_wrapper';
COMMENT ON FUNCTION strata.model_check(strata.model) IS
    'layers that never match, overlap or leave users out, and more that the author of a model should know';
CREATE FUNCTION strata.model_layers(model strata.model)
RETURNS TABLE ("position" integer, layer text, label_en text, label_zh text, parent text, meta jsonb)
IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'model_layers_wrapper';
COMMENT ON FUNCTION strata.model_layers(strata.model) IS 'the layers of a model in their order, with labels';
CREATE FUNCTION strata.describe(model strata.model, lang text DEFAULT 'en') RETURNS text
    IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'describe_wrapper';
COMMENT ON FUNCTION strata.describe(strata.model, text) IS 'a model in words';

-- ----------------------------------------------------------------------------------------------------
-- sql/public/presets.sql

-- The models that come with the extension.

CREATE FUNCTION strata.presets()
RETURNS TABLE (
    preset text,
    label_en text,
    label_zh text,
    about_en text,
    about_zh text,
    mode text,
    sources text[],
    attributes jsonb,
    parameters jsonb,
    needs_calibration boolean
) IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'presets_wrapper';
COMMENT ON FUNCTION strata.presets() IS 'the models that come with the extension, with what each needs';
CREATE FUNCTION strata.preset(name text, parameters jsonb DEFAULT '{}') RETURNS strata.model
    IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'preset_wrapper';
COMMENT ON FUNCTION strata.preset(text, jsonb) IS
    'a model that comes with the extension, with other values of its parameters where these are given';
CREATE FUNCTION strata.set_parameters(model strata.model, parameters jsonb) RETURNS strata.model
    IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'set_parameters_wrapper';
COMMENT ON FUNCTION strata.set_parameters(strata.model, jsonb) IS 'the same model with other values of its parameters';

-- ----------------------------------------------------------------------------------------------------
-- sql/public/layer_assign.sql

-- What asks a model about a row. The row's columns are matched by their names.

CREATE TYPE strata.evaluation AS (layer text, layers text[], scores smallint[], next_change date);
COMMENT ON TYPE strata.evaluation IS
    'what a model says of a user: layer, layers, scores, and the first date on which they can change by themselves';

CREATE FUNCTION strata.layer_assign(user_row record, model strata.model, as_of date DEFAULT NULL) RETURNS text
    IMMUTABLE PARALLEL SAFE COST 50 LANGUAGE c AS 'MODULE_PATHNAME', 'layer_assign';
COMMENT ON FUNCTION strata.layer_assign(record, strata.model, date) IS
    'layer of a user: the first that matches, or the default';
CREATE FUNCTION strata.layers_assign(user_row record, model strata.model, as_of date DEFAULT NULL) RETURNS text[]
    IMMUTABLE PARALLEL SAFE COST 50 LANGUAGE c AS 'MODULE_PATHNAME', 'layers_assign';
COMMENT ON FUNCTION strata.layers_assign(record, strata.model, date) IS
    'all layers of a user, or the one below its headings';
CREATE FUNCTION strata.evaluate(user_row record, model strata.model, as_of date DEFAULT NULL) RETURNS strata.evaluation
    IMMUTABLE PARALLEL SAFE COST 100 LANGUAGE c AS 'MODULE_PATHNAME', 'evaluate';
COMMENT ON FUNCTION strata.evaluate(record, strata.model, date) IS
    'layer, layers, scores and the first date on which they can change by themselves';
CREATE FUNCTION strata.metrics(user_row record, model strata.model, as_of date DEFAULT NULL) RETURNS jsonb
    IMMUTABLE PARALLEL SAFE COST 100 LANGUAGE c AS 'MODULE_PATHNAME', 'metrics';
COMMENT ON FUNCTION strata.metrics(record, strata.model, date) IS 'values of all metrics of a model by name';

-- ----------------------------------------------------------------------------------------------------
-- sql/internal/calibrate_agg.sql

-- What calibrate_agg calls. The state is a flat bytea that carries the model: parallel workers and sharded servers can
-- ship it.

CREATE FUNCTION strata_internal.calibrate_agg_transition(bytea, record, strata.model, date) RETURNS bytea
    IMMUTABLE PARALLEL SAFE COST 50 LANGUAGE c AS 'MODULE_PATHNAME', 'calibrate_agg_transition';
COMMENT ON FUNCTION strata_internal.calibrate_agg_transition(bytea, record, strata.model, date) IS
    'transition function of calibrate_agg';
CREATE FUNCTION strata_internal.calibrate_agg_combine(bytea, bytea) RETURNS bytea
    IMMUTABLE PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'calibrate_agg_combine';
COMMENT ON FUNCTION strata_internal.calibrate_agg_combine(bytea, bytea) IS 'combine function of calibrate_agg';
CREATE FUNCTION strata_internal.calibrate_agg_final(bytea) RETURNS strata.model
    IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'calibrate_agg_final_wrapper';
COMMENT ON FUNCTION strata_internal.calibrate_agg_final(bytea) IS 'final function of calibrate_agg';

-- ----------------------------------------------------------------------------------------------------
-- sql/public/calibrate_agg.sql

-- A model with the cut points that its users give.

CREATE AGGREGATE strata.calibrate_agg(user_row record, model strata.model, as_of date) (
    SFUNC = strata_internal.calibrate_agg_transition, STYPE = bytea, SSPACE = 65536,
    FINALFUNC = strata_internal.calibrate_agg_final, COMBINEFUNC = strata_internal.calibrate_agg_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE strata.calibrate_agg(record, strata.model, date) IS
    'the model with cut points made from the users';

-- ----------------------------------------------------------------------------------------------------
-- sql/public/explain.sql

-- Why a user is in a layer, and what is missing to another.

CREATE FUNCTION strata.explain(user_row record, model strata.model, as_of date DEFAULT NULL) RETURNS jsonb
    IMMUTABLE PARALLEL SAFE COST 5000 LANGUAGE c AS 'MODULE_PATHNAME', 'explain';
COMMENT ON FUNCTION strata.explain(record, strata.model, date) IS
    'why a user is in a layer, and the nearest ways into better ones';
CREATE FUNCTION strata.explain_text(
    user_row record,
    model strata.model,
    as_of date DEFAULT NULL,
    lang text DEFAULT 'en'
) RETURNS text IMMUTABLE PARALLEL SAFE COST 5000 LANGUAGE c AS 'MODULE_PATHNAME', 'explain_text';
COMMENT ON FUNCTION strata.explain_text(record, strata.model, date, text) IS
    'why a user is in a layer, and the nearest ways into better ones, in words';
CREATE FUNCTION strata.distance(user_row record, model strata.model, layer text, as_of date DEFAULT NULL) RETURNS jsonb
    IMMUTABLE PARALLEL SAFE COST 500 LANGUAGE c AS 'MODULE_PATHNAME', 'distance';
COMMENT ON FUNCTION strata.distance(record, strata.model, text, date) IS 'what is missing to a layer, by metric';

-- ----------------------------------------------------------------------------------------------------
-- sql/public/lifecycle_stage.sql

-- Where a user stands in the customer lifecycle.

CREATE FUNCTION strata.lifecycle_stage(
    orders strata.ledger,
    visits strata.ledger,
    registered date,
    as_of date,
    options jsonb DEFAULT '{}'
) RETURNS text IMMUTABLE PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'lifecycle_stage_wrapper';
COMMENT ON FUNCTION strata.lifecycle_stage(strata.ledger, strata.ledger, date, date, jsonb) IS
    'stage of a user in the customer lifecycle: prospect, new, active, paying, loyal, dormant or churned';

-- ----------------------------------------------------------------------------------------------------
-- sql/internal/walk.sql

-- A user's answers from day to day, found by jumping from change to change.

CREATE TYPE strata_internal.evaluation_step AS (
    day date,
    layer text,
    layers text[],
    scores smallint[],
    next_change date
);
COMMENT ON TYPE strata_internal.evaluation_step IS 'a day on which the answer of a model changed, and that answer';

CREATE FUNCTION strata_internal.walk(
    user_row record,
    model strata.model,
    from_day date,
    to_day date
) RETURNS strata_internal.evaluation_step[] IMMUTABLE PARALLEL SAFE COST 1000 LANGUAGE c AS 'MODULE_PATHNAME', 'walk';
COMMENT ON FUNCTION strata_internal.walk(record, strata.model, date, date) IS
    'what a model answers for a user on a first day, and on each later day up to a last on which the answer is another';

-- ----------------------------------------------------------------------------------------------------
-- sql/internal/replay_agg.sql

-- All users' answers on the days of a grid. The state is a flat bytea that carries the model: parallel workers and
-- sharded servers can ship it.

CREATE TYPE strata_internal.replayed AS (day date, layer text, users bigint, entered bigint, left_users bigint);
COMMENT ON TYPE strata_internal.replayed IS
    'users of a layer on a day, and how many entered and left it since the day before';

CREATE FUNCTION strata_internal.replay_agg_transition(
    bytea,
    record,
    strata.model,
    date,
    date,
    integer,
    date
) RETURNS bytea IMMUTABLE PARALLEL SAFE COST 500 LANGUAGE c AS 'MODULE_PATHNAME', 'replay_agg_transition';
COMMENT ON FUNCTION strata_internal.replay_agg_transition(bytea, record, strata.model, date, date, integer, date) IS
    'transition function of replay_agg';
CREATE FUNCTION strata_internal.replay_agg_combine(bytea, bytea) RETURNS bytea
    IMMUTABLE PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'replay_agg_combine';
COMMENT ON FUNCTION strata_internal.replay_agg_combine(bytea, bytea) IS 'combine function of replay_agg';
CREATE FUNCTION strata_internal.replay_agg_final(bytea) RETURNS strata_internal.replayed[]
    IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'replay_agg_final';
COMMENT ON FUNCTION strata_internal.replay_agg_final(bytea) IS 'final function of replay_agg';

CREATE AGGREGATE strata_internal.replay_agg(
    user_row record,
    model strata.model,
    from_day date,
    to_day date,
    step integer,
    since date
) (
    SFUNC = strata_internal.replay_agg_transition, STYPE = bytea, SSPACE = 131072,
    FINALFUNC = strata_internal.replay_agg_final, COMBINEFUNC = strata_internal.replay_agg_combine, PARALLEL = SAFE
);
COMMENT ON AGGREGATE strata_internal.replay_agg(record, strata.model, date, date, integer, date) IS
    'users of every layer of a model on the days of a grid, and how many entered and left since the day before';

-- ----------------------------------------------------------------------------------------------------
-- sql/internal/fit_agg.sql

-- What the fitted models and the aggregates that fit them stand on. The states are flat byteas.

CREATE TYPE strata.bgnbd;
CREATE FUNCTION strata_internal.bgnbd_in(cstring) RETURNS strata.bgnbd
    IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'bgnbd_in_wrapper';
COMMENT ON FUNCTION strata_internal.bgnbd_in(cstring) IS 'I/O';
CREATE FUNCTION strata_internal.bgnbd_out(strata.bgnbd) RETURNS cstring
    IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'prediction_out_wrapper';
COMMENT ON FUNCTION strata_internal.bgnbd_out(strata.bgnbd) IS 'I/O';
CREATE FUNCTION strata_internal.bgnbd_recv(internal) RETURNS strata.bgnbd
    IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'bgnbd_recv_wrapper';
COMMENT ON FUNCTION strata_internal.bgnbd_recv(internal) IS 'I/O';
CREATE FUNCTION strata_internal.bgnbd_send(strata.bgnbd) RETURNS bytea
    IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'prediction_send_wrapper';
COMMENT ON FUNCTION strata_internal.bgnbd_send(strata.bgnbd) IS 'I/O';

CREATE TYPE strata.pareto_nbd;
CREATE FUNCTION strata_internal.pareto_nbd_in(cstring) RETURNS strata.pareto_nbd
    IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'pareto_nbd_in_wrapper';
COMMENT ON FUNCTION strata_internal.pareto_nbd_in(cstring) IS 'I/O';
CREATE FUNCTION strata_internal.pareto_nbd_out(strata.pareto_nbd) RETURNS cstring
    IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'prediction_out_wrapper';
COMMENT ON FUNCTION strata_internal.pareto_nbd_out(strata.pareto_nbd) IS 'I/O';
CREATE FUNCTION strata_internal.pareto_nbd_recv(internal) RETURNS strata.pareto_nbd
    IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'pareto_nbd_recv_wrapper';
COMMENT ON FUNCTION strata_internal.pareto_nbd_recv(internal) IS 'I/O';
CREATE FUNCTION strata_internal.pareto_nbd_send(strata.pareto_nbd) RETURNS bytea
    IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'prediction_send_wrapper';
COMMENT ON FUNCTION strata_internal.pareto_nbd_send(strata.pareto_nbd) IS 'I/O';

CREATE TYPE strata.bgbb;
CREATE FUNCTION strata_internal.bgbb_in(cstring) RETURNS strata.bgbb
    IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'bgbb_in_wrapper';
COMMENT ON FUNCTION strata_internal.bgbb_in(cstring) IS 'I/O';
CREATE FUNCTION strata_internal.bgbb_out(strata.bgbb) RETURNS cstring
    IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'prediction_out_wrapper';
COMMENT ON FUNCTION strata_internal.bgbb_out(strata.bgbb) IS 'I/O';
CREATE FUNCTION strata_internal.bgbb_recv(internal) RETURNS strata.bgbb
    IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'bgbb_recv_wrapper';
COMMENT ON FUNCTION strata_internal.bgbb_recv(internal) IS 'I/O';
CREATE FUNCTION strata_internal.bgbb_send(strata.bgbb) RETURNS bytea
    IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'prediction_send_wrapper';
COMMENT ON FUNCTION strata_internal.bgbb_send(strata.bgbb) IS 'I/O';

CREATE TYPE strata.gamma_gamma;
CREATE FUNCTION strata_internal.gamma_gamma_in(cstring) RETURNS strata.gamma_gamma
    IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'gamma_gamma_in_wrapper';
COMMENT ON FUNCTION strata_internal.gamma_gamma_in(cstring) IS 'I/O';
CREATE FUNCTION strata_internal.gamma_gamma_out(strata.gamma_gamma) RETURNS cstring
    IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'prediction_out_wrapper';
COMMENT ON FUNCTION strata_internal.gamma_gamma_out(strata.gamma_gamma) IS 'I/O';
CREATE FUNCTION strata_internal.gamma_gamma_recv(internal) RETURNS strata.gamma_gamma
    IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'gamma_gamma_recv_wrapper';
COMMENT ON FUNCTION strata_internal.gamma_gamma_recv(internal) IS 'I/O';
CREATE FUNCTION strata_internal.gamma_gamma_send(strata.gamma_gamma) RETURNS bytea
    IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'prediction_send_wrapper';
COMMENT ON FUNCTION strata_internal.gamma_gamma_send(strata.gamma_gamma) IS 'I/O';

CREATE FUNCTION strata_internal.purchases_fit_transition(
    bytea,
    bigint,
    double precision,
    double precision
) RETURNS bytea IMMUTABLE PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'purchases_fit_transition';
COMMENT ON FUNCTION strata_internal.purchases_fit_transition(bytea, bigint, double precision, double precision) IS
    'transition function of the fits of purchase models';
CREATE FUNCTION strata_internal.purchases_fit_transition(
    bytea,
    bigint,
    double precision,
    double precision,
    bigint
) RETURNS bytea IMMUTABLE PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'purchases_fit_transition';
COMMENT ON FUNCTION strata_internal.purchases_fit_transition(
    bytea, bigint, double precision, double precision, bigint
) IS 'transition function of the fits of purchase models';
CREATE FUNCTION strata_internal.purchases_fit_transition(
    bytea,
    bigint,
    double precision,
    double precision,
    bigint,
    text
) RETURNS bytea IMMUTABLE PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'purchases_fit_transition';
COMMENT ON FUNCTION strata_internal.purchases_fit_transition(
    bytea, bigint, double precision, double precision, bigint, text
) IS 'transition function of the fits of purchase models';
CREATE FUNCTION strata_internal.purchases_fit_combine(bytea, bytea) RETURNS bytea
    IMMUTABLE PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'purchases_fit_combine';
COMMENT ON FUNCTION strata_internal.purchases_fit_combine(bytea, bytea) IS
    'combine function of the fits of purchase models';
CREATE FUNCTION strata_internal.bgnbd_fit_final(bytea) RETURNS strata.bgnbd
    IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'bgnbd_fit_final_wrapper';
COMMENT ON FUNCTION strata_internal.bgnbd_fit_final(bytea) IS 'final function of bgnbd_fit_agg';
CREATE FUNCTION strata_internal.pareto_nbd_fit_final(bytea) RETURNS strata.pareto_nbd
    IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'pareto_nbd_fit_final_wrapper';
COMMENT ON FUNCTION strata_internal.pareto_nbd_fit_final(bytea) IS 'final function of pareto_nbd_fit_agg';
CREATE FUNCTION strata_internal.bgbb_fit_final(bytea) RETURNS strata.bgbb
    IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'bgbb_fit_final_wrapper';
COMMENT ON FUNCTION strata_internal.bgbb_fit_final(bytea) IS 'final function of bgbb_fit_agg';

CREATE FUNCTION strata_internal.gamma_gamma_fit_transition(bytea, bigint, double precision) RETURNS bytea
    IMMUTABLE PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'gamma_gamma_fit_transition';
COMMENT ON FUNCTION strata_internal.gamma_gamma_fit_transition(bytea, bigint, double precision) IS
    'transition function of gamma_gamma_fit_agg';
CREATE FUNCTION strata_internal.gamma_gamma_fit_transition(bytea, bigint, double precision, bigint) RETURNS bytea
    IMMUTABLE PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'gamma_gamma_fit_transition';
COMMENT ON FUNCTION strata_internal.gamma_gamma_fit_transition(bytea, bigint, double precision, bigint) IS
    'transition function of gamma_gamma_fit_agg';
CREATE FUNCTION strata_internal.gamma_gamma_fit_combine(bytea, bytea) RETURNS bytea
    IMMUTABLE PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'gamma_gamma_fit_combine';
COMMENT ON FUNCTION strata_internal.gamma_gamma_fit_combine(bytea, bytea) IS 'combine function of gamma_gamma_fit_agg';
CREATE FUNCTION strata_internal.gamma_gamma_fit_final(bytea) RETURNS strata.gamma_gamma
    IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'gamma_gamma_fit_final_wrapper';
COMMENT ON FUNCTION strata_internal.gamma_gamma_fit_final(bytea) IS 'final function of gamma_gamma_fit_agg';

-- ----------------------------------------------------------------------------------------------------
-- sql/public/fit_agg.sql

-- Prediction: the fitted models as types, and the aggregates that fit them to all users.

CREATE TYPE strata.bgnbd (
    INPUT = strata_internal.bgnbd_in,
    OUTPUT = strata_internal.bgnbd_out,
    RECEIVE = strata_internal.bgnbd_recv,
    SEND = strata_internal.bgnbd_send,
    INTERNALLENGTH = VARIABLE,
    STORAGE = extended
);
COMMENT ON TYPE strata.bgnbd IS 'a BG/NBD model: who is still there, and how many purchases are to come';
CREATE CAST (strata.bgnbd AS json) WITH INOUT;
COMMENT ON CAST (strata.bgnbd AS json) IS 'parameters and fit of the model by name';
CREATE CAST (strata.bgnbd AS jsonb) WITH INOUT;
COMMENT ON CAST (strata.bgnbd AS jsonb) IS 'parameters and fit of the model by name';

CREATE TYPE strata.pareto_nbd (
    INPUT = strata_internal.pareto_nbd_in,
    OUTPUT = strata_internal.pareto_nbd_out,
    RECEIVE = strata_internal.pareto_nbd_recv,
    SEND = strata_internal.pareto_nbd_send,
    INTERNALLENGTH = VARIABLE,
    STORAGE = extended
);
COMMENT ON TYPE strata.pareto_nbd IS 'a Pareto/NBD model: who is still there, and how many purchases are to come';
CREATE CAST (strata.pareto_nbd AS json) WITH INOUT;
COMMENT ON CAST (strata.pareto_nbd AS json) IS 'parameters and fit of the model by name';
CREATE CAST (strata.pareto_nbd AS jsonb) WITH INOUT;
COMMENT ON CAST (strata.pareto_nbd AS jsonb) IS 'parameters and fit of the model by name';

CREATE TYPE strata.bgbb (
    INPUT = strata_internal.bgbb_in,
    OUTPUT = strata_internal.bgbb_out,
    RECEIVE = strata_internal.bgbb_recv,
    SEND = strata_internal.bgbb_send,
    INTERNALLENGTH = VARIABLE,
    STORAGE = extended
);
COMMENT ON TYPE strata.bgbb IS 'a BG/BB model: who takes the next of discrete opportunities';
CREATE CAST (strata.bgbb AS json) WITH INOUT;
COMMENT ON CAST (strata.bgbb AS json) IS 'parameters and fit of the model by name';
CREATE CAST (strata.bgbb AS jsonb) WITH INOUT;
COMMENT ON CAST (strata.bgbb AS jsonb) IS 'parameters and fit of the model by name';

CREATE TYPE strata.gamma_gamma (
    INPUT = strata_internal.gamma_gamma_in,
    OUTPUT = strata_internal.gamma_gamma_out,
    RECEIVE = strata_internal.gamma_gamma_recv,
    SEND = strata_internal.gamma_gamma_send,
    INTERNALLENGTH = VARIABLE,
    STORAGE = extended
);
COMMENT ON TYPE strata.gamma_gamma IS 'a gamma-gamma model: what a user spends on a purchase';
CREATE CAST (strata.gamma_gamma AS json) WITH INOUT;
COMMENT ON CAST (strata.gamma_gamma AS json) IS 'parameters and fit of the model by name';
CREATE CAST (strata.gamma_gamma AS jsonb) WITH INOUT;
COMMENT ON CAST (strata.gamma_gamma AS jsonb) IS 'parameters and fit of the model by name';

CREATE AGGREGATE strata.bgnbd_fit_agg(x bigint, t_x double precision, t double precision) (
    SFUNC = strata_internal.purchases_fit_transition, STYPE = bytea, SSPACE = 1024,
    FINALFUNC = strata_internal.bgnbd_fit_final, COMBINEFUNC = strata_internal.purchases_fit_combine, PARALLEL = SAFE
);
COMMENT ON AGGREGATE strata.bgnbd_fit_agg(bigint, double precision, double precision) IS
    'the BG/NBD model that fits a set of users best';
CREATE AGGREGATE strata.bgnbd_fit_agg(x bigint, t_x double precision, t double precision, weight bigint) (
    SFUNC = strata_internal.purchases_fit_transition, STYPE = bytea, SSPACE = 1024,
    FINALFUNC = strata_internal.bgnbd_fit_final, COMBINEFUNC = strata_internal.purchases_fit_combine, PARALLEL = SAFE
);
COMMENT ON AGGREGATE strata.bgnbd_fit_agg(bigint, double precision, double precision, bigint) IS
    'the BG/NBD model that fits a set of users best';
CREATE AGGREGATE strata.bgnbd_fit_agg(x bigint, t_x double precision, t double precision, weight bigint, unit text) (
    SFUNC = strata_internal.purchases_fit_transition, STYPE = bytea, SSPACE = 1024,
    FINALFUNC = strata_internal.bgnbd_fit_final, COMBINEFUNC = strata_internal.purchases_fit_combine, PARALLEL = SAFE
);
COMMENT ON AGGREGATE strata.bgnbd_fit_agg(bigint, double precision, double precision, bigint, text) IS
    'the BG/NBD model that fits a set of users best';
CREATE AGGREGATE strata.pareto_nbd_fit_agg(x bigint, t_x double precision, t double precision) (
    SFUNC = strata_internal.purchases_fit_transition, STYPE = bytea, SSPACE = 1024,
    FINALFUNC = strata_internal.pareto_nbd_fit_final, COMBINEFUNC = strata_internal.purchases_fit_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE strata.pareto_nbd_fit_agg(bigint, double precision, double precision) IS
    'the Pareto/NBD model that fits a set of users best';
CREATE AGGREGATE strata.pareto_nbd_fit_agg(x bigint, t_x double precision, t double precision, weight bigint) (
    SFUNC = strata_internal.purchases_fit_transition, STYPE = bytea, SSPACE = 1024,
    FINALFUNC = strata_internal.pareto_nbd_fit_final, COMBINEFUNC = strata_internal.purchases_fit_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE strata.pareto_nbd_fit_agg(bigint, double precision, double precision, bigint) IS
    'the Pareto/NBD model that fits a set of users best';
CREATE AGGREGATE strata.pareto_nbd_fit_agg(
    x bigint,
    t_x double precision,
    t double precision,
    weight bigint,
    unit text
) (
    SFUNC = strata_internal.purchases_fit_transition, STYPE = bytea, SSPACE = 1024,
    FINALFUNC = strata_internal.pareto_nbd_fit_final, COMBINEFUNC = strata_internal.purchases_fit_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE strata.pareto_nbd_fit_agg(bigint, double precision, double precision, bigint, text) IS
    'the Pareto/NBD model that fits a set of users best';
CREATE AGGREGATE strata.bgbb_fit_agg(x bigint, t_x double precision, t double precision) (
    SFUNC = strata_internal.purchases_fit_transition, STYPE = bytea, SSPACE = 1024,
    FINALFUNC = strata_internal.bgbb_fit_final, COMBINEFUNC = strata_internal.purchases_fit_combine, PARALLEL = SAFE
);
COMMENT ON AGGREGATE strata.bgbb_fit_agg(bigint, double precision, double precision) IS
    'the BG/BB model that fits a set of users best';
CREATE AGGREGATE strata.bgbb_fit_agg(x bigint, t_x double precision, t double precision, weight bigint) (
    SFUNC = strata_internal.purchases_fit_transition, STYPE = bytea, SSPACE = 1024,
    FINALFUNC = strata_internal.bgbb_fit_final, COMBINEFUNC = strata_internal.purchases_fit_combine, PARALLEL = SAFE
);
COMMENT ON AGGREGATE strata.bgbb_fit_agg(bigint, double precision, double precision, bigint) IS
    'the BG/BB model that fits a set of users best';
CREATE AGGREGATE strata.gamma_gamma_fit_agg(x bigint, mean_amount double precision) (
    SFUNC = strata_internal.gamma_gamma_fit_transition, STYPE = bytea, SSPACE = 1024,
    FINALFUNC = strata_internal.gamma_gamma_fit_final, COMBINEFUNC = strata_internal.gamma_gamma_fit_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE strata.gamma_gamma_fit_agg(bigint, double precision) IS
    'the gamma-gamma model that fits the repeat amounts of a set of users best';
CREATE AGGREGATE strata.gamma_gamma_fit_agg(x bigint, mean_amount double precision, weight bigint) (
    SFUNC = strata_internal.gamma_gamma_fit_transition, STYPE = bytea, SSPACE = 1024,
    FINALFUNC = strata_internal.gamma_gamma_fit_final, COMBINEFUNC = strata_internal.gamma_gamma_fit_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE strata.gamma_gamma_fit_agg(bigint, double precision, bigint) IS
    'the gamma-gamma model that fits the repeat amounts of a set of users best';

-- ----------------------------------------------------------------------------------------------------
-- sql/public/predict.sql

-- What fitted models answer of a user: given by (x, t_x, t), or by a ledger as of a day.

CREATE FUNCTION strata.purchase_summary(
    ledger strata.ledger,
    as_of date,
    OUT x integer,
    OUT t_x integer,
    OUT t integer,
    OUT mean_amount double precision
) IMMUTABLE PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'purchase_summary';
COMMENT ON FUNCTION strata.purchase_summary(strata.ledger, date) IS
    'what purchase models need of a user: repeat days, days to the last of them and to as_of, mean amount of a '
    'repeat day';

CREATE FUNCTION strata.p_alive(
    model strata.bgnbd,
    x bigint,
    t_x double precision,
    t double precision
) RETURNS double precision IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'bgnbd_p_alive';
COMMENT ON FUNCTION strata.p_alive(strata.bgnbd, bigint, double precision, double precision) IS
    'probability that a user is still there';
CREATE FUNCTION strata.p_alive(model strata.bgnbd, ledger strata.ledger, as_of date) RETURNS double precision
    IMMUTABLE PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'bgnbd_p_alive';
COMMENT ON FUNCTION strata.p_alive(strata.bgnbd, strata.ledger, date) IS 'probability that a user is still there';
CREATE FUNCTION strata.p_alive(
    model strata.pareto_nbd,
    x bigint,
    t_x double precision,
    t double precision
) RETURNS double precision IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'pareto_nbd_p_alive';
COMMENT ON FUNCTION strata.p_alive(strata.pareto_nbd, bigint, double precision, double precision) IS
    'probability that a user is still there';
CREATE FUNCTION strata.p_alive(model strata.pareto_nbd, ledger strata.ledger, as_of date) RETURNS double precision
    IMMUTABLE PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'pareto_nbd_p_alive';
COMMENT ON FUNCTION strata.p_alive(strata.pareto_nbd, strata.ledger, date) IS 'probability that a user is still there';
CREATE FUNCTION strata.p_alive(
    model strata.bgbb,
    x bigint,
    t_x double precision,
    t double precision
) RETURNS double precision IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'bgbb_p_alive';
COMMENT ON FUNCTION strata.p_alive(strata.bgbb, bigint, double precision, double precision) IS
    'probability that a user is still there';
CREATE FUNCTION strata.expected_purchases(
    model strata.bgnbd,
    days double precision,
    x bigint,
    t_x double precision,
    t double precision
) RETURNS double precision IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'bgnbd_expected_purchases';
COMMENT ON FUNCTION strata.expected_purchases(
    strata.bgnbd, double precision, bigint, double precision, double precision
) IS 'expected number of purchase days within the horizon';
CREATE FUNCTION strata.expected_purchases(
    model strata.bgnbd,
    days double precision,
    ledger strata.ledger,
    as_of date
) RETURNS double precision IMMUTABLE PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'bgnbd_expected_purchases';
COMMENT ON FUNCTION strata.expected_purchases(strata.bgnbd, double precision, strata.ledger, date) IS
    'expected number of purchase days within the horizon';
CREATE FUNCTION strata.expected_purchases(
    model strata.pareto_nbd,
    days double precision,
    x bigint,
    t_x double precision,
    t double precision
) RETURNS double precision
    IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'pareto_nbd_expected_purchases';
COMMENT ON FUNCTION strata.expected_purchases(
    strata.pareto_nbd, double precision, bigint, double precision, double precision
) IS 'expected number of purchase days within the horizon';
CREATE FUNCTION strata.expected_purchases(
    model strata.pareto_nbd,
    days double precision,
    ledger strata.ledger,
    as_of date
) RETURNS double precision IMMUTABLE PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'pareto_nbd_expected_purchases';
COMMENT ON FUNCTION strata.expected_purchases(strata.pareto_nbd, double precision, strata.ledger, date) IS
    'expected number of purchase days within the horizon';
CREATE FUNCTION strata.expected_purchases(
    model strata.bgbb,
    opportunities double precision,
    x bigint,
    t_x double precision,
    t double precision
) RETURNS double precision IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'bgbb_expected_purchases';
COMMENT ON FUNCTION strata.expected_purchases(
    strata.bgbb, double precision, bigint, double precision, double precision
) IS 'expected number of purchase days within the horizon';
CREATE FUNCTION strata.purchase_probability(
    model strata.bgnbd,
    days double precision,
    x bigint,
    t_x double precision,
    t double precision
) RETURNS double precision IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'bgnbd_purchase_probability';
COMMENT ON FUNCTION strata.purchase_probability(
    strata.bgnbd, double precision, bigint, double precision, double precision
) IS 'probability of a purchase within the horizon';
CREATE FUNCTION strata.purchase_probability(
    model strata.bgnbd,
    days double precision,
    ledger strata.ledger,
    as_of date
) RETURNS double precision IMMUTABLE PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'bgnbd_purchase_probability';
COMMENT ON FUNCTION strata.purchase_probability(strata.bgnbd, double precision, strata.ledger, date) IS
    'probability of a purchase within the horizon';
CREATE FUNCTION strata.purchase_probability(
    model strata.pareto_nbd,
    days double precision,
    x bigint,
    t_x double precision,
    t double precision
) RETURNS double precision
    IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'pareto_nbd_purchase_probability';
COMMENT ON FUNCTION strata.purchase_probability(
    strata.pareto_nbd, double precision, bigint, double precision, double precision
) IS 'probability of a purchase within the horizon';
CREATE FUNCTION strata.purchase_probability(
    model strata.pareto_nbd,
    days double precision,
    ledger strata.ledger,
    as_of date
) RETURNS double precision IMMUTABLE PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'pareto_nbd_purchase_probability';
COMMENT ON FUNCTION strata.purchase_probability(strata.pareto_nbd, double precision, strata.ledger, date) IS
    'probability of a purchase within the horizon';
CREATE FUNCTION strata.purchase_probability(
    model strata.bgbb,
    opportunities double precision,
    x bigint,
    t_x double precision,
    t double precision
) RETURNS double precision IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'bgbb_purchase_probability';
COMMENT ON FUNCTION strata.purchase_probability(
    strata.bgbb, double precision, bigint, double precision, double precision
) IS 'probability of a purchase within the horizon';

CREATE FUNCTION strata.expected_amount(
    model strata.gamma_gamma,
    x bigint,
    mean_amount double precision
) RETURNS double precision IMMUTABLE PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'expected_amount';
COMMENT ON FUNCTION strata.expected_amount(strata.gamma_gamma, bigint, double precision) IS
    'expected amount of a purchase to come';
CREATE FUNCTION strata.expected_amount(
    model strata.gamma_gamma,
    ledger strata.ledger,
    as_of date
) RETURNS double precision IMMUTABLE PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'ledger_expected_amount';
COMMENT ON FUNCTION strata.expected_amount(strata.gamma_gamma, strata.ledger, date) IS
    'expected amount of a purchase to come';
CREATE FUNCTION strata.lifetime_value(
    purchases strata.bgnbd,
    amounts strata.gamma_gamma,
    horizon_days double precision,
    discount_rate double precision,
    margin double precision,
    x bigint,
    t_x double precision,
    t double precision,
    mean_amount double precision,
    discounting text DEFAULT 'monthly'
) RETURNS double precision IMMUTABLE PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'bgnbd_lifetime_value';
COMMENT ON FUNCTION strata.lifetime_value(
    strata.bgnbd, strata.gamma_gamma, double precision, double precision, double precision, bigint, double precision,
    double precision, double precision, text
) IS 'discounted value of the purchases of a user within the horizon';
CREATE FUNCTION strata.lifetime_value(
    purchases strata.bgnbd,
    amounts strata.gamma_gamma,
    horizon_days double precision,
    discount_rate double precision,
    margin double precision,
    ledger strata.ledger,
    as_of date,
    discounting text DEFAULT 'monthly'
) RETURNS double precision IMMUTABLE PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'bgnbd_lifetime_value';
COMMENT ON FUNCTION strata.lifetime_value(
    strata.bgnbd, strata.gamma_gamma, double precision, double precision, double precision, strata.ledger, date, text
) IS 'discounted value of the purchases of a user within the horizon';
CREATE FUNCTION strata.lifetime_value(
    purchases strata.pareto_nbd,
    amounts strata.gamma_gamma,
    horizon_days double precision,
    discount_rate double precision,
    margin double precision,
    x bigint,
    t_x double precision,
    t double precision,
    mean_amount double precision,
    discounting text DEFAULT 'monthly'
) RETURNS double precision IMMUTABLE PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'pareto_nbd_lifetime_value';
COMMENT ON FUNCTION strata.lifetime_value(
    strata.pareto_nbd, strata.gamma_gamma, double precision, double precision, double precision, bigint,
    double precision, double precision, double precision, text
) IS 'discounted value of the purchases of a user within the horizon';
CREATE FUNCTION strata.lifetime_value(
    purchases strata.pareto_nbd,
    amounts strata.gamma_gamma,
    horizon_days double precision,
    discount_rate double precision,
    margin double precision,
    ledger strata.ledger,
    as_of date,
    discounting text DEFAULT 'monthly'
) RETURNS double precision IMMUTABLE PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'pareto_nbd_lifetime_value';
COMMENT ON FUNCTION strata.lifetime_value(
    strata.pareto_nbd, strata.gamma_gamma, double precision, double precision, double precision, strata.ledger, date,
    text
) IS 'discounted value of the purchases of a user within the horizon';

-- ----------------------------------------------------------------------------------------------------
-- sql/internal/last_events.sql

-- What the type last_events and its aggregates stand on. The state is the type itself: parallel workers and sharded
-- servers can ship it.

CREATE TYPE strata.last_events;
CREATE FUNCTION strata_internal.last_events_in(cstring) RETURNS strata.last_events
    IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'last_events_in_wrapper';
COMMENT ON FUNCTION strata_internal.last_events_in(cstring) IS 'I/O';
CREATE FUNCTION strata_internal.last_events_out(strata.last_events) RETURNS cstring
    IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'last_events_out_wrapper';
COMMENT ON FUNCTION strata_internal.last_events_out(strata.last_events) IS 'I/O';
CREATE FUNCTION strata_internal.last_events_recv(internal) RETURNS strata.last_events
    IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'last_events_recv_wrapper';
COMMENT ON FUNCTION strata_internal.last_events_recv(internal) IS 'I/O';
CREATE FUNCTION strata_internal.last_events_send(strata.last_events) RETURNS bytea
    IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'last_events_send_wrapper';
COMMENT ON FUNCTION strata_internal.last_events_send(strata.last_events) IS 'I/O';

CREATE FUNCTION strata_internal.last_events_transition(
    strata.last_events,
    timestamp,
    text,
    integer
) RETURNS strata.last_events IMMUTABLE PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'last_events_transition';
COMMENT ON FUNCTION strata_internal.last_events_transition(strata.last_events, timestamp, text, integer) IS
    'transition function of last_events_agg';
CREATE FUNCTION strata_internal.last_events_merge(strata.last_events, strata.last_events) RETURNS strata.last_events
    IMMUTABLE PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'last_events_merge';
COMMENT ON FUNCTION strata_internal.last_events_merge(strata.last_events, strata.last_events) IS
    'combine function of last_events_agg and rollup';
CREATE FUNCTION strata_internal.event_kinds(events strata.last_events) RETURNS text[]
    IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'event_kinds_wrapper';
COMMENT ON FUNCTION strata_internal.event_kinds(strata.last_events) IS 'kinds of the last events, in their order';

-- ----------------------------------------------------------------------------------------------------
-- sql/public/last_events.sql

-- What users did last.

CREATE TYPE strata.last_events (
    INPUT = strata_internal.last_events_in,
    OUTPUT = strata_internal.last_events_out,
    RECEIVE = strata_internal.last_events_recv,
    SEND = strata_internal.last_events_send,
    INTERNALLENGTH = VARIABLE,
    STORAGE = extended
);
COMMENT ON TYPE strata.last_events IS 'what a user did last: the latest few events by kind';

CREATE CAST (strata.last_events AS text[]) WITH FUNCTION strata_internal.event_kinds(strata.last_events);
COMMENT ON CAST (strata.last_events AS text[]) IS 'kinds of the last events, in their order';

CREATE AGGREGATE strata.last_events_agg(at timestamp, kind text, keep integer) (
    SFUNC = strata_internal.last_events_transition, STYPE = strata.last_events, SSPACE = 256,
    COMBINEFUNC = strata_internal.last_events_merge, PARALLEL = SAFE
);
COMMENT ON AGGREGATE strata.last_events_agg(timestamp, text, integer) IS 'the latest events of a user, so many of them';

CREATE AGGREGATE strata.rollup(strata.last_events) (
    SFUNC = strata_internal.last_events_merge, STYPE = strata.last_events, SSPACE = 256,
    COMBINEFUNC = strata_internal.last_events_merge, PARALLEL = SAFE
);
COMMENT ON AGGREGATE strata.rollup(strata.last_events) IS 'the latest events of several parts of a user''s history';

-- ----------------------------------------------------------------------------------------------------
-- sql/internal/centroid.sql

-- What the type centroid and the aggregate centroid_agg stand on.

CREATE TYPE strata.centroid;
CREATE FUNCTION strata_internal.centroid_in(cstring) RETURNS strata.centroid
    IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'centroid_in_wrapper';
COMMENT ON FUNCTION strata_internal.centroid_in(cstring) IS 'I/O';
CREATE FUNCTION strata_internal.centroid_out(strata.centroid) RETURNS cstring
    IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'prediction_out_wrapper';
COMMENT ON FUNCTION strata_internal.centroid_out(strata.centroid) IS 'I/O';
CREATE FUNCTION strata_internal.centroid_recv(internal) RETURNS strata.centroid
    IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'centroid_recv_wrapper';
COMMENT ON FUNCTION strata_internal.centroid_recv(internal) IS 'I/O';
CREATE FUNCTION strata_internal.centroid_send(strata.centroid) RETURNS bytea
    IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'prediction_send_wrapper';
COMMENT ON FUNCTION strata_internal.centroid_send(strata.centroid) IS 'I/O';

CREATE FUNCTION strata_internal.centroid_agg_transition(bytea, record, strata.model, text, date) RETURNS bytea
    IMMUTABLE PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'centroid_agg_transition';
COMMENT ON FUNCTION strata_internal.centroid_agg_transition(bytea, record, strata.model, text, date) IS
    'transition function of centroid_agg';
CREATE FUNCTION strata_internal.centroid_agg_combine(bytea, bytea) RETURNS bytea
    IMMUTABLE PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'centroid_agg_combine';
COMMENT ON FUNCTION strata_internal.centroid_agg_combine(bytea, bytea) IS 'combine function of centroid_agg';
CREATE FUNCTION strata_internal.centroid_agg_final(bytea) RETURNS strata.centroid
    IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'centroid_agg_final_wrapper';
COMMENT ON FUNCTION strata_internal.centroid_agg_final(bytea) IS 'final function of centroid_agg';

-- ----------------------------------------------------------------------------------------------------
-- sql/public/lookalike.sql

-- Who is like the users of a layer: its centroid over all users first, then the distance of each.

CREATE TYPE strata.centroid (
    INPUT = strata_internal.centroid_in,
    OUTPUT = strata_internal.centroid_out,
    RECEIVE = strata_internal.centroid_recv,
    SEND = strata_internal.centroid_send,
    INTERNALLENGTH = VARIABLE,
    STORAGE = extended
);
COMMENT ON TYPE strata.centroid IS 'the means of the users of a layer, and what their metrics are measured by';
CREATE CAST (strata.centroid AS json) WITH INOUT;
COMMENT ON CAST (strata.centroid AS json) IS 'the centroid as JSON';
CREATE CAST (strata.centroid AS jsonb) WITH INOUT;
COMMENT ON CAST (strata.centroid AS jsonb) IS 'the centroid as JSON';

CREATE AGGREGATE strata.centroid_agg(user_row record, model strata.model, layer text, as_of date) (
    SFUNC = strata_internal.centroid_agg_transition, STYPE = bytea, SSPACE = 4096,
    FINALFUNC = strata_internal.centroid_agg_final, COMBINEFUNC = strata_internal.centroid_agg_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE strata.centroid_agg(record, strata.model, text, date) IS
    'the centroid of a layer over standardized metrics';

CREATE FUNCTION strata.lookalike(
    user_row record,
    model strata.model,
    centroid strata.centroid,
    as_of date DEFAULT NULL,
    OUT similarity double precision,
    OUT distance double precision,
    OUT parts jsonb
) IMMUTABLE PARALLEL SAFE COST 500 LANGUAGE c AS 'MODULE_PATHNAME', 'lookalike';
COMMENT ON FUNCTION strata.lookalike(record, strata.model, strata.centroid, date) IS
    'how like a user is to the users of a layer, explained by metric';

-- ----------------------------------------------------------------------------------------------------
-- sql/internal/row_expression.sql

-- Expressions that users give for one row of a relation.

CREATE FUNCTION strata_internal.row_expression(relation regclass, expression text, what text DEFAULT 'expression')
RETURNS TABLE (canonical text, expression_type regtype, columns text[])
STABLE STRICT PARALLEL RESTRICTED ROWS 1 COST 1000 LANGUAGE c AS 'MODULE_PATHNAME', 'row_expression';
COMMENT ON FUNCTION strata_internal.row_expression(regclass, text, text) IS
    'an expression for one row of a relation, checked: its text in canonical form, its type and its columns';

-- ----------------------------------------------------------------------------------------------------
-- sql/internal/capture.sql

-- How the changes of a relation become known: triggers AFTER each statement write its rows to the queue of a source.
--
-- Of each source the triggers strata_insert_…, strata_update_… (both transition tables), strata_delete_… and
-- strata_truncate_…, called by the source's uuid, ENABLE ALWAYS, with the arguments: schema of the registry, name of
-- the source, name and number of the queue, uuid of the source; and 'users' where any change of a row changes what is
-- known of its user, not only one of the columns that the queue has. In the queue, strata_change is 1 for a row that
-- came, -1 for one that went, 0 where all users have to be counted anew, 2 where those in the queue have to be.

-- It writes only into a table of the relation's owner that bears the mark of the source, and runs nobody's code there.
-- So anyone may be granted the right to write to the relation, and needs none on the queue.
CREATE FUNCTION strata_internal.capture() RETURNS trigger LANGUAGE c AS 'MODULE_PATHNAME', 'strata_capture';
COMMENT ON FUNCTION strata_internal.capture() IS
    'trigger after each statement: writes its rows to the queue of a source';

-- ----------------------------------------------------------------------------------------------------
-- sql/internal/row_problem.sql

-- Rows that cannot be counted are put aside one by one.

-- Why a row of a relation, or of its queue, cannot be counted: the error of an expression, or what ledger_agg would
-- refuse, or an amount beyond 1000000000000 either way. NULL where it can be, and where the where_clause is not true.
-- An error of an expression is caught in a subtransaction; out of memory, a cancelled query and the like are raised.
CREATE FUNCTION strata_internal.row_problem(
    user_row record,
    relation regclass,
    user_expression text,
    time_expression text,
    amount_expression text,
    where_clause text,
    time_zone text
) RETURNS text STABLE PARALLEL UNSAFE LANGUAGE c AS 'MODULE_PATHNAME', 'strata_row_problem';

-- Whether the gross amount or the credits of a day are beyond 1000000000000: only there can a single row beyond it
-- hide.
CREATE FUNCTION strata_internal.is_beyond(ledger strata.ledger) RETURNS boolean
IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c
AS 'MODULE_PATHNAME', 'ledger_is_beyond_wrapper';
COMMENT ON FUNCTION strata_internal.row_problem(record, regclass, text, text, text, text, text) IS
    'why a row of a relation cannot be counted; NULL where it can';
COMMENT ON FUNCTION strata_internal.is_beyond(strata.ledger) IS
    'whether an amount of a day is so large that one row alone could be put aside for it';

-- ----------------------------------------------------------------------------------------------------
-- sql/public/sources.sql

-- Sources of events: adding, following, checking and dropping them. What a source is stands in strata_sources of its
-- owner's schema.

CREATE FUNCTION strata.add_source(
    name text,
    relation regclass,
    user_column text,
    time_column text,
    amount_expression text DEFAULT NULL,
    where_clause text DEFAULT NULL,
    time_zone text DEFAULT NULL,
    capture text DEFAULT 'auto',
    "column" name DEFAULT NULL,
    margin text DEFAULT NULL,
    user_map regclass DEFAULT NULL,
    schema name DEFAULT NULL,
    map_alias text DEFAULT 'alias',
    map_user text DEFAULT 'user_id',
    compare_every interval DEFAULT NULL,
    keep_before date DEFAULT NULL
) RETURNS TABLE (
    source text, ledgers regclass, captured_by text, because text,
    users bigint, events bigint, guests bigint, rejected bigint
) LANGUAGE c AS 'MODULE_PATHNAME', 'living_add_source';
COMMENT ON FUNCTION strata.add_source(
    text, regclass, text, text, text, text, text, text, name, text, regclass, name, text, text, interval, date
) IS 'Follows a relation''s changes and keeps a ledger for each user. Everything but names are expressions for one row';

CREATE FUNCTION strata.sync(source text) RETURNS bigint LANGUAGE c AS 'MODULE_PATHNAME', 'living_sync';
COMMENT ON FUNCTION strata.sync(text) IS
    'Brings a source up to date with its relation; the number of users whose ledgers changed';

CREATE FUNCTION strata.rebuild(source text) RETURNS bigint LANGUAGE c AS 'MODULE_PATHNAME', 'living_rebuild';
COMMENT ON FUNCTION strata.rebuild(text) IS
    'Puts a source''s triggers in place and counts all rows anew; the number of users whose ledgers changed';

CREATE FUNCTION strata.verify(source text)
RETURNS TABLE (user_id text, first_day date, kept strata.ledger, counted strata.ledger)
LANGUAGE c AS 'MODULE_PATHNAME', 'living_verify';
COMMENT ON FUNCTION strata.verify(text) IS
    'Every user whose ledger is not what the relation''s rows say, and from which day on; none where all is well';

CREATE FUNCTION strata.drop_source(source text) RETURNS text LANGUAGE c AS 'MODULE_PATHNAME', 'living_drop_source';
COMMENT ON FUNCTION strata.drop_source(text) IS
    'Drops a source with the tables and triggers that it made; refused while a model reads it';

-- ----------------------------------------------------------------------------------------------------
-- sql/public/models.sql

-- Registered models: over sources, attributes and users, in the schema of their owner. A model called rfm has the
-- tables rfm_members (where everyone is) and rfm_history (every change, append only), and the view rfm_periods.

-- attributes and users are a relation's name or one plain SELECT.
CREATE FUNCTION strata.create_model(
    name text,
    definition strata.model,
    sources jsonb DEFAULT NULL,
    attributes text DEFAULT NULL,
    users text DEFAULT NULL,
    schema name DEFAULT NULL,
    time_zone text DEFAULT NULL,
    history_from date DEFAULT NULL,
    user_column text DEFAULT 'user_id',
    capture text DEFAULT 'auto'
) RETURNS text LANGUAGE c AS 'MODULE_PATHNAME', 'living_create_model';
COMMENT ON FUNCTION strata.create_model(text, strata.model, jsonb, text, text, name, text, date, text, text) IS
    'Registers a model over sources, attributes and users; its tables stand in the schema';

-- What is NULL stays as it is.
CREATE FUNCTION strata.alter_model(
    name text,
    definition strata.model DEFAULT NULL,
    sources jsonb DEFAULT NULL,
    activate boolean DEFAULT true,
    attributes text DEFAULT NULL,
    users text DEFAULT NULL,
    user_column text DEFAULT 'user_id',
    capture text DEFAULT NULL
) RETURNS integer LANGUAGE c AS 'MODULE_PATHNAME', 'living_alter_model';
COMMENT ON FUNCTION strata.alter_model(text, strata.model, jsonb, boolean, text, text, text, text) IS
    'Gives a registered model another definition, or other sources, attributes or users; the number of the version';

CREATE FUNCTION strata.calibrate(
    model text,
    as_of date DEFAULT NULL,
    activate boolean DEFAULT true,
    exclude daterange[] DEFAULT NULL,
    version integer DEFAULT NULL
) RETURNS integer LANGUAGE c AS 'MODULE_PATHNAME', 'living_calibrate';
COMMENT ON FUNCTION strata.calibrate(text, date, boolean, daterange[], integer) IS
    'Makes new cuts for a registered model; the number of the new version';

CREATE FUNCTION strata.activate(model text, version integer) RETURNS void
LANGUAGE c AS 'MODULE_PATHNAME', 'living_activate';
COMMENT ON FUNCTION strata.activate(text, integer) IS 'Chooses the version that a registered model is refreshed by';

CREATE FUNCTION strata.drop_model(model text) RETURNS text LANGUAGE c AS 'MODULE_PATHNAME', 'living_drop_model';
COMMENT ON FUNCTION strata.drop_model(text) IS
    'Drops a registered model with its members and history; what does not bear its mark is left';

-- ----------------------------------------------------------------------------------------------------
-- sql/public/refresh.sql

-- Refreshing a model: only those whom something happened to, or whose clock has struck, are looked at.

CREATE FUNCTION strata.refresh(model text, as_of date DEFAULT NULL, "full" boolean DEFAULT false)
RETURNS TABLE (
    refreshed text,
    day date,
    previous_day date,
    version integer,
    kind text,
    users bigint,
    examined bigint,
    new_users bigint,
    changed_users bigint,
    due_users bigint,
    changes jsonb,
    seconds jsonb,
    sources jsonb
) ROWS 1 LANGUAGE c AS 'MODULE_PATHNAME', 'living_refresh';
COMMENT ON FUNCTION strata.refresh(text, date, boolean) IS
    'Brings the members of a model up to a day: looks at new, changed and due users alone';

-- ----------------------------------------------------------------------------------------------------
-- sql/public/readers.sql

-- Questions about a model, to its owner: who is where, who moved, why, and how it would have been. Nothing is brought
-- up to date by them. What is read of members and history is as the last refresh wrote it; what is read of ledgers is
-- as they were synced last, with attributes as they are now. A model is named as `rfm`, `schema.rfm`, or with a
-- version, `rfm@2`.

CREATE FUNCTION strata.members(model text, as_of date DEFAULT NULL) RETURNS TABLE (
    user_id text,
    layer text,
    layers text[],
    scores smallint[],
    since date,
    next_change date,
    metrics jsonb
) STABLE ROWS 100000 LANGUAGE c AS 'MODULE_PATHNAME', 'living_members';
COMMENT ON FUNCTION strata.members(text, date) IS
    'the members of a model as of its last refresh, with their metrics; as of any other day they are '
    'evaluated from the ledgers, '
    'with attributes as they are now, and since is NULL';

CREATE FUNCTION strata.transitions(model text, from_day date, to_day date) RETURNS TABLE (
    from_layer text,
    to_layer text,
    users bigint,
    net bigint
) STABLE ROWS 100 LANGUAGE c AS 'MODULE_PATHNAME', 'living_transitions';
COMMENT ON FUNCTION strata.transitions(text, date, date) IS
    'users by their layers on two days, and the net of the moves between two layers';

CREATE FUNCTION strata.layer_at(model text, user_id text, day date) RETURNS text
    STABLE LANGUAGE c AS 'MODULE_PATHNAME', 'living_layer_at';
COMMENT ON FUNCTION strata.layer_at(text, text, date) IS 'the layer of a user on a day, from the history';

CREATE FUNCTION strata.entered(model text, layer text, after_change bigint DEFAULT 0) RETURNS TABLE (
    user_id text,
    day date,
    from_layer text,
    cause text,
    change_id bigint
) STABLE LANGUAGE c AS 'MODULE_PATHNAME', 'living_entered';
COMMENT ON FUNCTION strata.entered(text, text, bigint) IS
    'who entered a layer after a change, which is the mark of the last poll';

CREATE FUNCTION strata.left(model text, layer text, after_change bigint DEFAULT 0) RETURNS TABLE (
    user_id text,
    day date,
    to_layer text,
    cause text,
    change_id bigint
) STABLE LANGUAGE c AS 'MODULE_PATHNAME', 'living_left';
COMMENT ON FUNCTION strata.left(text, text, bigint) IS
    'who left a layer after a change, which is the mark of the last poll';

CREATE FUNCTION strata.explain(model text, user_id text, as_of date DEFAULT NULL) RETURNS jsonb
    STABLE LANGUAGE c AS 'MODULE_PATHNAME', 'living_explain';
COMMENT ON FUNCTION strata.explain(text, text, date) IS
    'why a user of a registered model is in his layer, and what is missing to others';

CREATE FUNCTION strata.explain_text(
    model text, user_id text, as_of date DEFAULT NULL, lang text DEFAULT 'en'
) RETURNS text
    STABLE LANGUAGE c AS 'MODULE_PATHNAME', 'living_explain_text';
COMMENT ON FUNCTION strata.explain_text(text, text, date, text) IS 'the same for people';

CREATE FUNCTION strata.replay(
    model text,
    from_day date,
    to_day date,
    step integer DEFAULT 1,
    definition strata.model DEFAULT NULL
) RETURNS TABLE (
    day date,
    layer text,
    users bigint,
    share numeric,
    entered bigint,
    left_users bigint
) STABLE LANGUAGE c AS 'MODULE_PATHNAME', 'living_replay';
COMMENT ON FUNCTION strata.replay(text, date, date, integer, strata.model) IS
    'users of every layer on the days of a grid, as a model or another definition would have had it, '
    'with attributes as they are '
    'now; writes nothing';

CREATE FUNCTION strata.backtest(model text, day date, horizon integer, source text DEFAULT NULL) RETURNS TABLE (
    layer text,
    users bigint,
    active bigint,
    active_share numeric,
    orders bigint,
    spend numeric,
    spend_per_user numeric,
    kept bigint,
    moved bigint,
    kept_share numeric
) STABLE ROWS 20 LANGUAGE c AS 'MODULE_PATHNAME', 'living_backtest';
COMMENT ON FUNCTION strata.backtest(text, date, integer, text) IS
    'what the users of every layer of a day did in the days after it: active, orders, spend, kept their layer, moved';

CREATE FUNCTION strata.compare_models(a text, b text, as_of date DEFAULT NULL) RETURNS TABLE (
    layer_a text,
    layer_b text,
    users bigint
) STABLE ROWS 100 LANGUAGE c AS 'MODULE_PATHNAME', 'living_compare_models';
COMMENT ON FUNCTION strata.compare_models(text, text, date) IS
    'users by their layers in two models, or two versions of one';

-- ----------------------------------------------------------------------------------------------------
-- sql/public/status.sql

-- How the caller's sources and models are, in all registries on his search path. What is wrong with one is said in its
-- row.

-- looked_at is when rows of the relation, or what its triggers wrote down, were looked at last; oldest_change_age is
-- how old the oldest change can be that the ledgers do not know of: 0 where triggers say that there is none.
CREATE FUNCTION strata.source_status() RETURNS TABLE (
    source text,
    schema text,
    relation text,
    captured_by text,
    because text,
    problem text,
    looked_at timestamptz,
    age interval,
    oldest_change_age interval,
    queue_rows bigint,
    last_seconds double precision,
    latest_day date,
    users bigint,
    events bigint,
    guests bigint,
    guest_share numeric,
    rejected bigint,
    aside bigint,
    ambiguous_aliases bigint,
    heavy_users jsonb,
    models text[]
) STABLE ROWS 10 LANGUAGE c AS 'MODULE_PATHNAME', 'living_source_status';
COMMENT ON FUNCTION strata.source_status() IS
    'the own sources: what keeps them from being equal to their relations, how fresh they are, what '
    'waits, what was put aside';

CREATE FUNCTION strata.model_status() RETURNS TABLE (
    model text,
    schema text,
    active_version integer,
    refreshed_version integer,
    as_of date,
    refreshed_at timestamptz,
    lag integer,
    age interval,
    users bigint,
    due bigint,
    due_next bigint,
    waiting bigint,
    last_seconds double precision,
    schedule text,
    problem text,
    report jsonb
) STABLE ROWS 10 LANGUAGE c AS 'MODULE_PATHNAME', 'living_model_status';
COMMENT ON FUNCTION strata.model_status() IS
    'the own models: versions, freshness, users due today and tomorrow, waiting changes, schedule, what is wrong';

-- ----------------------------------------------------------------------------------------------------
-- sql/public/schedule.sql

-- Refreshing models by the clock, through pg_cron where it is installed in this database.

CREATE FUNCTION strata.schedule(model text, cron text) RETURNS text
    LANGUAGE c AS 'MODULE_PATHNAME', 'living_schedule';
COMMENT ON FUNCTION strata.schedule(text, text) IS
    'refreshes a model by the clock of pg_cron, which goes by GMT; what day it is then, the time zone of '
    'the model says';

CREATE FUNCTION strata.unschedule(model text) RETURNS text
    LANGUAGE c AS 'MODULE_PATHNAME', 'living_unschedule';
COMMENT ON FUNCTION strata.unschedule(text) IS 'ends the schedule of a model';

-- ----------------------------------------------------------------------------------------------------
-- sql/public/grants.sql

-- Who may read a model: its tables, and the views of its schema. Everything else about it is its owner's alone.

CREATE FUNCTION strata.grant_read(model text, role name, reasons boolean DEFAULT false) RETURNS TABLE (
    privilege text,
    granted_to text
) ROWS 10 LANGUAGE c AS 'MODULE_PATHNAME', 'living_grant_read';
COMMENT ON FUNCTION strata.grant_read(text, name, boolean) IS
    'lets a role read a model: members, history, periods and the views of the schema; with reasons the '
    'ledgers and attributes, '
    'too. Answers what was granted. ''public'' is everybody';

CREATE FUNCTION strata.revoke_read(model text, role name) RETURNS TABLE (
    privilege text,
    taken_from text
) ROWS 10 LANGUAGE c AS 'MODULE_PATHNAME', 'living_revoke_read';
COMMENT ON FUNCTION strata.revoke_read(text, name) IS
    'takes the rights to read a model from a role, but for what its other models of the schema leave to '
    'it. Answers what was taken';

-- ----------------------------------------------------------------------------------------------------
-- sql/public/upgrade.sql

-- Registries from one version to the next.

CREATE FUNCTION strata.upgrade(schema name) RETURNS text
    LANGUAGE c AS 'MODULE_PATHNAME', 'living_upgrade';
COMMENT ON FUNCTION strata.upgrade(name) IS
    'brings the sources and models of a schema, and its views, up to the layout of the installed version';

-- ----------------------------------------------------------------------------------------------------
-- sql/internal/owner.sql

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
