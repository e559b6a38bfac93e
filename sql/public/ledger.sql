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
