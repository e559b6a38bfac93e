-- calibrate_agg. The state is a flat bytea that carries the model: parallel workers and sharded servers can ship it.

CREATE FUNCTION calibrate_agg_transition(bytea, record, model, date) RETURNS bytea IMMUTABLE PARALLEL SAFE COST 50 LANGUAGE c AS 'MODULE_PATHNAME', 'calibrate_agg_transition';
CREATE FUNCTION calibrate_agg_combine(bytea, bytea) RETURNS bytea IMMUTABLE PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'calibrate_agg_combine';
CREATE FUNCTION calibrate_agg_final(bytea) RETURNS model IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'calibrate_agg_final_wrapper';
CREATE AGGREGATE calibrate_agg(user_row record, model model, as_of date) (SFUNC = calibrate_agg_transition, STYPE = bytea, SSPACE = 65536, FINALFUNC = calibrate_agg_final, COMBINEFUNC = calibrate_agg_combine, PARALLEL = SAFE);
