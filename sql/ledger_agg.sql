-- ledger_agg and rollup, written out so that volatility, parallelism, combine function and state size are there to see.
-- One transition function serves every signature; it looks at the types of its arguments once per call site.

CREATE FUNCTION ledger_merge(ledger, ledger) RETURNS ledger IMMUTABLE PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'ledger_merge';
CREATE FUNCTION ledger_seal(ledger) RETURNS ledger IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'ledger_seal_wrapper';

CREATE FUNCTION ledger_agg_transition(ledger, date) RETURNS ledger IMMUTABLE PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'ledger_agg_transition';
CREATE AGGREGATE ledger_agg(at date) (SFUNC = ledger_agg_transition, STYPE = ledger, SSPACE = 256, FINALFUNC = ledger_seal, COMBINEFUNC = ledger_merge, PARALLEL = SAFE);

CREATE FUNCTION ledger_agg_transition(ledger, date, numeric) RETURNS ledger IMMUTABLE PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'ledger_agg_transition';
CREATE AGGREGATE ledger_agg(at date, amount numeric) (SFUNC = ledger_agg_transition, STYPE = ledger, SSPACE = 256, FINALFUNC = ledger_seal, COMBINEFUNC = ledger_merge, PARALLEL = SAFE);

CREATE FUNCTION ledger_agg_transition(ledger, date, bigint) RETURNS ledger IMMUTABLE PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'ledger_agg_transition';
CREATE AGGREGATE ledger_agg(at date, amount bigint) (SFUNC = ledger_agg_transition, STYPE = ledger, SSPACE = 256, FINALFUNC = ledger_seal, COMBINEFUNC = ledger_merge, PARALLEL = SAFE);

CREATE FUNCTION ledger_agg_transition(ledger, date, integer) RETURNS ledger IMMUTABLE PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'ledger_agg_transition';
CREATE AGGREGATE ledger_agg(at date, amount integer) (SFUNC = ledger_agg_transition, STYPE = ledger, SSPACE = 256, FINALFUNC = ledger_seal, COMBINEFUNC = ledger_merge, PARALLEL = SAFE);

CREATE FUNCTION ledger_agg_transition(ledger, date, double precision) RETURNS ledger IMMUTABLE PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'ledger_agg_transition';
CREATE AGGREGATE ledger_agg(at date, amount double precision) (SFUNC = ledger_agg_transition, STYPE = ledger, SSPACE = 256, FINALFUNC = ledger_seal, COMBINEFUNC = ledger_merge, PARALLEL = SAFE);

CREATE FUNCTION ledger_agg_transition(ledger, date, numeric, text) RETURNS ledger IMMUTABLE PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'ledger_agg_transition';
CREATE AGGREGATE ledger_agg(at date, amount numeric, time_zone text) (SFUNC = ledger_agg_transition, STYPE = ledger, SSPACE = 256, FINALFUNC = ledger_seal, COMBINEFUNC = ledger_merge, PARALLEL = SAFE);

CREATE FUNCTION ledger_agg_transition(ledger, date, bigint, text) RETURNS ledger IMMUTABLE PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'ledger_agg_transition';
CREATE AGGREGATE ledger_agg(at date, amount bigint, time_zone text) (SFUNC = ledger_agg_transition, STYPE = ledger, SSPACE = 256, FINALFUNC = ledger_seal, COMBINEFUNC = ledger_merge, PARALLEL = SAFE);

CREATE FUNCTION ledger_agg_transition(ledger, date, integer, text) RETURNS ledger IMMUTABLE PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'ledger_agg_transition';
CREATE AGGREGATE ledger_agg(at date, amount integer, time_zone text) (SFUNC = ledger_agg_transition, STYPE = ledger, SSPACE = 256, FINALFUNC = ledger_seal, COMBINEFUNC = ledger_merge, PARALLEL = SAFE);

CREATE FUNCTION ledger_agg_transition(ledger, date, double precision, text) RETURNS ledger IMMUTABLE PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'ledger_agg_transition';
CREATE AGGREGATE ledger_agg(at date, amount double precision, time_zone text) (SFUNC = ledger_agg_transition, STYPE = ledger, SSPACE = 256, FINALFUNC = ledger_seal, COMBINEFUNC = ledger_merge, PARALLEL = SAFE);

CREATE FUNCTION ledger_agg_transition(ledger, timestamp) RETURNS ledger IMMUTABLE PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'ledger_agg_transition';
CREATE AGGREGATE ledger_agg(at timestamp) (SFUNC = ledger_agg_transition, STYPE = ledger, SSPACE = 256, FINALFUNC = ledger_seal, COMBINEFUNC = ledger_merge, PARALLEL = SAFE);

CREATE FUNCTION ledger_agg_transition(ledger, timestamp, numeric) RETURNS ledger IMMUTABLE PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'ledger_agg_transition';
CREATE AGGREGATE ledger_agg(at timestamp, amount numeric) (SFUNC = ledger_agg_transition, STYPE = ledger, SSPACE = 256, FINALFUNC = ledger_seal, COMBINEFUNC = ledger_merge, PARALLEL = SAFE);

CREATE FUNCTION ledger_agg_transition(ledger, timestamp, bigint) RETURNS ledger IMMUTABLE PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'ledger_agg_transition';
CREATE AGGREGATE ledger_agg(at timestamp, amount bigint) (SFUNC = ledger_agg_transition, STYPE = ledger, SSPACE = 256, FINALFUNC = ledger_seal, COMBINEFUNC = ledger_merge, PARALLEL = SAFE);

CREATE FUNCTION ledger_agg_transition(ledger, timestamp, integer) RETURNS ledger IMMUTABLE PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'ledger_agg_transition';
CREATE AGGREGATE ledger_agg(at timestamp, amount integer) (SFUNC = ledger_agg_transition, STYPE = ledger, SSPACE = 256, FINALFUNC = ledger_seal, COMBINEFUNC = ledger_merge, PARALLEL = SAFE);

CREATE FUNCTION ledger_agg_transition(ledger, timestamp, double precision) RETURNS ledger IMMUTABLE PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'ledger_agg_transition';
CREATE AGGREGATE ledger_agg(at timestamp, amount double precision) (SFUNC = ledger_agg_transition, STYPE = ledger, SSPACE = 256, FINALFUNC = ledger_seal, COMBINEFUNC = ledger_merge, PARALLEL = SAFE);

CREATE FUNCTION ledger_agg_transition(ledger, timestamp, numeric, text) RETURNS ledger IMMUTABLE PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'ledger_agg_transition';
CREATE AGGREGATE ledger_agg(at timestamp, amount numeric, time_zone text) (SFUNC = ledger_agg_transition, STYPE = ledger, SSPACE = 256, FINALFUNC = ledger_seal, COMBINEFUNC = ledger_merge, PARALLEL = SAFE);

CREATE FUNCTION ledger_agg_transition(ledger, timestamp, bigint, text) RETURNS ledger IMMUTABLE PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'ledger_agg_transition';
CREATE AGGREGATE ledger_agg(at timestamp, amount bigint, time_zone text) (SFUNC = ledger_agg_transition, STYPE = ledger, SSPACE = 256, FINALFUNC = ledger_seal, COMBINEFUNC = ledger_merge, PARALLEL = SAFE);

CREATE FUNCTION ledger_agg_transition(ledger, timestamp, integer, text) RETURNS ledger IMMUTABLE PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'ledger_agg_transition';
CREATE AGGREGATE ledger_agg(at timestamp, amount integer, time_zone text) (SFUNC = ledger_agg_transition, STYPE = ledger, SSPACE = 256, FINALFUNC = ledger_seal, COMBINEFUNC = ledger_merge, PARALLEL = SAFE);

CREATE FUNCTION ledger_agg_transition(ledger, timestamp, double precision, text) RETURNS ledger IMMUTABLE PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'ledger_agg_transition';
CREATE AGGREGATE ledger_agg(at timestamp, amount double precision, time_zone text) (SFUNC = ledger_agg_transition, STYPE = ledger, SSPACE = 256, FINALFUNC = ledger_seal, COMBINEFUNC = ledger_merge, PARALLEL = SAFE);

CREATE FUNCTION ledger_agg_transition(ledger, timestamptz) RETURNS ledger IMMUTABLE PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'ledger_agg_transition';
CREATE AGGREGATE ledger_agg(at timestamptz) (SFUNC = ledger_agg_transition, STYPE = ledger, SSPACE = 256, FINALFUNC = ledger_seal, COMBINEFUNC = ledger_merge, PARALLEL = SAFE);

CREATE FUNCTION ledger_agg_transition(ledger, timestamptz, numeric) RETURNS ledger IMMUTABLE PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'ledger_agg_transition';
CREATE AGGREGATE ledger_agg(at timestamptz, amount numeric) (SFUNC = ledger_agg_transition, STYPE = ledger, SSPACE = 256, FINALFUNC = ledger_seal, COMBINEFUNC = ledger_merge, PARALLEL = SAFE);

CREATE FUNCTION ledger_agg_transition(ledger, timestamptz, bigint) RETURNS ledger IMMUTABLE PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'ledger_agg_transition';
CREATE AGGREGATE ledger_agg(at timestamptz, amount bigint) (SFUNC = ledger_agg_transition, STYPE = ledger, SSPACE = 256, FINALFUNC = ledger_seal, COMBINEFUNC = ledger_merge, PARALLEL = SAFE);

CREATE FUNCTION ledger_agg_transition(ledger, timestamptz, integer) RETURNS ledger IMMUTABLE PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'ledger_agg_transition';
CREATE AGGREGATE ledger_agg(at timestamptz, amount integer) (SFUNC = ledger_agg_transition, STYPE = ledger, SSPACE = 256, FINALFUNC = ledger_seal, COMBINEFUNC = ledger_merge, PARALLEL = SAFE);

CREATE FUNCTION ledger_agg_transition(ledger, timestamptz, double precision) RETURNS ledger IMMUTABLE PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'ledger_agg_transition';
CREATE AGGREGATE ledger_agg(at timestamptz, amount double precision) (SFUNC = ledger_agg_transition, STYPE = ledger, SSPACE = 256, FINALFUNC = ledger_seal, COMBINEFUNC = ledger_merge, PARALLEL = SAFE);

CREATE FUNCTION ledger_agg_transition(ledger, timestamptz, numeric, text) RETURNS ledger IMMUTABLE PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'ledger_agg_transition';
CREATE AGGREGATE ledger_agg(at timestamptz, amount numeric, time_zone text) (SFUNC = ledger_agg_transition, STYPE = ledger, SSPACE = 256, FINALFUNC = ledger_seal, COMBINEFUNC = ledger_merge, PARALLEL = SAFE);

CREATE FUNCTION ledger_agg_transition(ledger, timestamptz, bigint, text) RETURNS ledger IMMUTABLE PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'ledger_agg_transition';
CREATE AGGREGATE ledger_agg(at timestamptz, amount bigint, time_zone text) (SFUNC = ledger_agg_transition, STYPE = ledger, SSPACE = 256, FINALFUNC = ledger_seal, COMBINEFUNC = ledger_merge, PARALLEL = SAFE);

CREATE FUNCTION ledger_agg_transition(ledger, timestamptz, integer, text) RETURNS ledger IMMUTABLE PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'ledger_agg_transition';
CREATE AGGREGATE ledger_agg(at timestamptz, amount integer, time_zone text) (SFUNC = ledger_agg_transition, STYPE = ledger, SSPACE = 256, FINALFUNC = ledger_seal, COMBINEFUNC = ledger_merge, PARALLEL = SAFE);

CREATE FUNCTION ledger_agg_transition(ledger, timestamptz, double precision, text) RETURNS ledger IMMUTABLE PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'ledger_agg_transition';
CREATE AGGREGATE ledger_agg(at timestamptz, amount double precision, time_zone text) (SFUNC = ledger_agg_transition, STYPE = ledger, SSPACE = 256, FINALFUNC = ledger_seal, COMBINEFUNC = ledger_merge, PARALLEL = SAFE);

CREATE FUNCTION ledger_agg_transition(ledger, timestamptz, text) RETURNS ledger IMMUTABLE PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'ledger_agg_transition';
CREATE AGGREGATE ledger_agg(at timestamptz, time_zone text) (SFUNC = ledger_agg_transition, STYPE = ledger, SSPACE = 256, FINALFUNC = ledger_seal, COMBINEFUNC = ledger_merge, PARALLEL = SAFE);

CREATE AGGREGATE rollup(ledger ledger) (SFUNC = ledger_merge, STYPE = ledger, SSPACE = 256, FINALFUNC = ledger_seal, COMBINEFUNC = ledger_merge, PARALLEL = SAFE);

