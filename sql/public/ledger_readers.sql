-- What a ledger says as of a day: all of (ledger, as_of [, window_days]).

CREATE FUNCTION strata.recency(ledger strata.ledger, as_of date, window_days integer DEFAULT NULL) RETURNS integer
    IMMUTABLE PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'recency_wrapper';
COMMENT ON FUNCTION strata.recency(strata.ledger, date, integer) IS 'days from the last active day to as_of';
CREATE FUNCTION strata.frequency(ledger strata.ledger, as_of date, window_days integer DEFAULT NULL) RETURNS bigint
    IMMUTABLE PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'frequency_wrapper';
COMMENT ON FUNCTION strata.frequency(strata.ledger, date, integer) IS 'number of events up to as_of';
CREATE FUNCTION strata.monetary(ledger strata.ledger, as_of date, window_days integer DEFAULT NULL) RETURNS numeric
    IMMUTABLE PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'monetary_wrapper';
COMMENT ON FUNCTION strata.monetary(strata.ledger, date, integer) IS
    'net amount up to as_of: gross amount less credits';
CREATE FUNCTION strata.active_days(ledger strata.ledger, as_of date, window_days integer DEFAULT NULL) RETURNS integer
    IMMUTABLE PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'active_days_wrapper';
COMMENT ON FUNCTION strata.active_days(strata.ledger, date, integer) IS 'number of days with an event up to as_of';
CREATE FUNCTION strata.tenure(ledger strata.ledger, as_of date, window_days integer DEFAULT NULL) RETURNS integer
    IMMUTABLE PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'tenure_wrapper';
COMMENT ON FUNCTION strata.tenure(strata.ledger, date, integer) IS 'days from the first active day to as_of';
CREATE FUNCTION strata.first_day(ledger strata.ledger, as_of date, window_days integer DEFAULT NULL) RETURNS date
    IMMUTABLE PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'first_day_wrapper';
COMMENT ON FUNCTION strata.first_day(strata.ledger, date, integer) IS 'first active day';
CREATE FUNCTION strata.last_day(ledger strata.ledger, as_of date, window_days integer DEFAULT NULL) RETURNS date
    IMMUTABLE PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'last_day_wrapper';
COMMENT ON FUNCTION strata.last_day(strata.ledger, date, integer) IS 'last active day up to as_of';
CREATE FUNCTION strata.gross_amount(ledger strata.ledger, as_of date, window_days integer DEFAULT NULL) RETURNS numeric
    IMMUTABLE PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'gross_amount_wrapper';
COMMENT ON FUNCTION strata.gross_amount(strata.ledger, date, integer) IS 'sum of the amounts of events up to as_of';
CREATE FUNCTION strata.credit_amount(ledger strata.ledger, as_of date, window_days integer DEFAULT NULL) RETURNS numeric
    IMMUTABLE PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'credit_amount_wrapper';
COMMENT ON FUNCTION strata.credit_amount(strata.ledger, date, integer) IS
    'sum of the credits up to as_of, as a positive number';
CREATE FUNCTION strata.average_amount(
    ledger strata.ledger,
    as_of date,
    window_days integer DEFAULT NULL
) RETURNS numeric IMMUTABLE PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'average_amount_wrapper';
COMMENT ON FUNCTION strata.average_amount(strata.ledger, date, integer) IS 'net amount per event up to as_of';
CREATE FUNCTION strata.first_amount(ledger strata.ledger, as_of date, window_days integer DEFAULT NULL) RETURNS numeric
    IMMUTABLE PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'first_amount_wrapper';
COMMENT ON FUNCTION strata.first_amount(strata.ledger, date, integer) IS 'net amount of the first active day';
