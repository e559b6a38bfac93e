\echo Use "ALTER EXTENSION pg_strata UPDATE" to load this file. \quit

-- A made-up next version, for the tests: what a real one may do. What is made here is also what tests/tests/upgrade.rs
-- makes of the install script.

-- A function moves, and what was made of it goes with it; another takes its public name.
ALTER FUNCTION strata.first_amount(strata.ledger, date, integer) SET SCHEMA strata_internal;
CREATE FUNCTION strata.first_amount(ledger strata.ledger, as_of date, window_days integer DEFAULT NULL) RETURNS numeric
    IMMUTABLE PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'first_amount_wrapper';
COMMENT ON FUNCTION strata.first_amount(strata.ledger, date, integer) IS 'net amount of the first active day, as ever';

-- A function is new.
CREATE FUNCTION strata.net_amount_per_day(ledger strata.ledger, as_of date) RETURNS numeric IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT strata.monetary(ledger, as_of) / nullif(strata.active_days(ledger, as_of), 0);
END;
COMMENT ON FUNCTION strata.net_amount_per_day(strata.ledger, date) IS 'net amount of an active day';

-- Costs and states are others.
ALTER FUNCTION strata.monetary(strata.ledger, date, integer) COST 2;
CREATE OR REPLACE AGGREGATE strata.rollup(ledger strata.ledger) (
    SFUNC = strata_internal.ledger_merge, STYPE = strata.ledger, SSPACE = 512,
    FINALFUNC = strata_internal.ledger_seal, COMBINEFUNC = strata_internal.ledger_merge, PARALLEL = SAFE
);
