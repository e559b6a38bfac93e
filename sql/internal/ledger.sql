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
