-- cuts_agg, and the window function quantile_score. The state is a flat bytea: parallel workers and sharded servers can ship it.

CREATE FUNCTION cuts_agg_combine(bytea, bytea) RETURNS bytea IMMUTABLE PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'cuts_agg_combine';
CREATE FUNCTION cuts_agg_final(bytea) RETURNS cuts IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'cuts_agg_final_wrapper';

CREATE FUNCTION cuts_agg_transition(bytea, numeric) RETURNS bytea IMMUTABLE PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'cuts_agg_transition';
CREATE AGGREGATE cuts_agg(value numeric) (SFUNC = cuts_agg_transition, STYPE = bytea, SSPACE = 1024, FINALFUNC = cuts_agg_final, COMBINEFUNC = cuts_agg_combine, PARALLEL = SAFE);

CREATE FUNCTION cuts_agg_transition(bytea, numeric, integer) RETURNS bytea IMMUTABLE PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'cuts_agg_transition';
CREATE AGGREGATE cuts_agg(value numeric, bins integer) (SFUNC = cuts_agg_transition, STYPE = bytea, SSPACE = 1024, FINALFUNC = cuts_agg_final, COMBINEFUNC = cuts_agg_combine, PARALLEL = SAFE);

CREATE FUNCTION cuts_agg_transition(bytea, numeric, integer, text) RETURNS bytea IMMUTABLE PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'cuts_agg_transition';
CREATE AGGREGATE cuts_agg(value numeric, bins integer, ties text) (SFUNC = cuts_agg_transition, STYPE = bytea, SSPACE = 1024, FINALFUNC = cuts_agg_final, COMBINEFUNC = cuts_agg_combine, PARALLEL = SAFE);

CREATE FUNCTION cuts_agg_transition(bytea, numeric, integer, text, text) RETURNS bytea IMMUTABLE PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'cuts_agg_transition';
CREATE AGGREGATE cuts_agg(value numeric, bins integer, ties text, best text) (SFUNC = cuts_agg_transition, STYPE = bytea, SSPACE = 1024, FINALFUNC = cuts_agg_final, COMBINEFUNC = cuts_agg_combine, PARALLEL = SAFE);

CREATE FUNCTION quantile_score(value anyelement, bins integer) RETURNS smallint WINDOW IMMUTABLE PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'quantile_score';
CREATE FUNCTION quantile_score(value anyelement, bins integer, ties text) RETURNS smallint WINDOW IMMUTABLE PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'quantile_score';
CREATE FUNCTION quantile_score(value anyelement, bins integer, ties text, best text) RETURNS smallint WINDOW IMMUTABLE PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'quantile_score';
