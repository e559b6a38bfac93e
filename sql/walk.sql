-- A user's answers from day to day, found by jumping from change to change.

CREATE TYPE evaluation_step AS (day date, layer text, layers text[], scores smallint[], next_change date);

CREATE FUNCTION walk(user_row record, model model, from_day date, to_day date) RETURNS evaluation_step[] IMMUTABLE PARALLEL SAFE COST 1000 LANGUAGE c AS 'MODULE_PATHNAME', 'walk';

-- replay_agg. The state is a flat bytea that carries the model: parallel workers and sharded servers can ship it.

CREATE TYPE replayed AS (day date, layer text, users bigint, entered bigint, left_users bigint);

CREATE FUNCTION replay_agg_transition(bytea, record, model, date, date, integer, date) RETURNS bytea IMMUTABLE PARALLEL SAFE COST 500 LANGUAGE c AS 'MODULE_PATHNAME', 'replay_agg_transition';
CREATE FUNCTION replay_agg_combine(bytea, bytea) RETURNS bytea IMMUTABLE PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'replay_agg_combine';
CREATE FUNCTION replay_agg_final(bytea) RETURNS replayed[] IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'replay_agg_final';
CREATE AGGREGATE replay_agg(user_row record, model model, from_day date, to_day date, step integer, since date) (SFUNC = replay_agg_transition, STYPE = bytea, SSPACE = 131072, FINALFUNC = replay_agg_final, COMBINEFUNC = replay_agg_combine, PARALLEL = SAFE);
