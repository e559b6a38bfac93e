-- Who is like the users of a layer: its centroid over all users first, then the distance of each.

CREATE TYPE centroid;
CREATE FUNCTION centroid_in(cstring) RETURNS centroid IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'centroid_in_wrapper';
CREATE FUNCTION centroid_out(centroid) RETURNS cstring IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'prediction_out_wrapper';
CREATE FUNCTION centroid_recv(internal) RETURNS centroid IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'centroid_recv_wrapper';
CREATE FUNCTION centroid_send(centroid) RETURNS bytea IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'prediction_send_wrapper';
CREATE TYPE centroid (
    INPUT = centroid_in,
    OUTPUT = centroid_out,
    RECEIVE = centroid_recv,
    SEND = centroid_send,
    INTERNALLENGTH = VARIABLE,
    STORAGE = extended
);
CREATE CAST (centroid AS json) WITH INOUT;
CREATE CAST (centroid AS jsonb) WITH INOUT;

CREATE FUNCTION centroid_agg_transition(bytea, record, model, text, date) RETURNS bytea IMMUTABLE PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'centroid_agg_transition';
CREATE FUNCTION centroid_agg_combine(bytea, bytea) RETURNS bytea IMMUTABLE PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'centroid_agg_combine';
CREATE FUNCTION centroid_agg_final(bytea) RETURNS centroid IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'centroid_agg_final_wrapper';
CREATE AGGREGATE centroid_agg(user_row record, model model, layer text, as_of date) (SFUNC = centroid_agg_transition, STYPE = bytea, SSPACE = 4096, FINALFUNC = centroid_agg_final, COMBINEFUNC = centroid_agg_combine, PARALLEL = SAFE);

CREATE FUNCTION lookalike(user_row record, model model, centroid centroid, as_of date DEFAULT NULL, OUT similarity double precision, OUT distance double precision, OUT parts jsonb) IMMUTABLE PARALLEL SAFE COST 500 LANGUAGE c AS 'MODULE_PATHNAME', 'lookalike';
