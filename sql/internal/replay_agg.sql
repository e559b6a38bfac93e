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
