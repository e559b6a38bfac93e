-- Rows that cannot be counted are put aside one by one.

-- Why a row of a relation, or of its queue, cannot be counted: the error of an expression, or what ledger_agg would
-- refuse, or an amount beyond 1000000000000 either way. NULL where it can be, and where the where_clause is not true.
-- An error of an expression is caught in a subtransaction; out of memory, a cancelled query and the like are raised.
CREATE FUNCTION strata_internal.row_problem(
    user_row record,
    relation regclass,
    user_expression text,
    time_expression text,
    amount_expression text,
    where_clause text,
    time_zone text
) RETURNS text STABLE PARALLEL UNSAFE LANGUAGE c AS 'MODULE_PATHNAME', 'strata_row_problem';

-- Whether the gross amount or the credits of a day are beyond 1000000000000: only there can a single row beyond it
-- hide.
CREATE FUNCTION strata_internal.is_beyond(ledger strata.ledger) RETURNS boolean
IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c
AS 'MODULE_PATHNAME', 'ledger_is_beyond_wrapper';
COMMENT ON FUNCTION strata_internal.row_problem(record, regclass, text, text, text, text, text) IS
    'why a row of a relation cannot be counted; NULL where it can';
COMMENT ON FUNCTION strata_internal.is_beyond(strata.ledger) IS
    'whether an amount of a day is so large that one row alone could be put aside for it';
