-- rfm_cuts_agg and rfm_score. The state is a flat bytea, as that of cuts_agg.

CREATE FUNCTION rfm_cuts_agg_combine(bytea, bytea) RETURNS bytea IMMUTABLE PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'rfm_cuts_agg_combine';
CREATE FUNCTION rfm_cuts_agg_final(bytea) RETURNS rfm_cuts IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'rfm_cuts_agg_final_wrapper';

CREATE FUNCTION rfm_cuts_agg_transition(bytea, integer, bigint, numeric) RETURNS bytea IMMUTABLE PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'rfm_cuts_agg_transition';
CREATE AGGREGATE rfm_cuts_agg(recency integer, frequency bigint, monetary numeric) (SFUNC = rfm_cuts_agg_transition, STYPE = bytea, SSPACE = 1024, FINALFUNC = rfm_cuts_agg_final, COMBINEFUNC = rfm_cuts_agg_combine, PARALLEL = SAFE);

CREATE FUNCTION rfm_cuts_agg_transition(bytea, integer, bigint, numeric, integer) RETURNS bytea IMMUTABLE PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'rfm_cuts_agg_transition';
CREATE AGGREGATE rfm_cuts_agg(recency integer, frequency bigint, monetary numeric, bins integer) (SFUNC = rfm_cuts_agg_transition, STYPE = bytea, SSPACE = 1024, FINALFUNC = rfm_cuts_agg_final, COMBINEFUNC = rfm_cuts_agg_combine, PARALLEL = SAFE);

CREATE FUNCTION rfm_cuts_agg_transition(bytea, integer, bigint, numeric, integer, text) RETURNS bytea IMMUTABLE PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'rfm_cuts_agg_transition';
CREATE AGGREGATE rfm_cuts_agg(recency integer, frequency bigint, monetary numeric, bins integer, ties text) (SFUNC = rfm_cuts_agg_transition, STYPE = bytea, SSPACE = 1024, FINALFUNC = rfm_cuts_agg_final, COMBINEFUNC = rfm_cuts_agg_combine, PARALLEL = SAFE);

CREATE FUNCTION rfm_score(recency integer, frequency bigint, monetary numeric, cuts rfm_cuts) RETURNS rfm_scores IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'rfm_score';
