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
