-- ledger_agg and rollup, written out so that volatility, parallelism, combine function and state size are there to see.

CREATE AGGREGATE strata.ledger_agg(at date) (
    SFUNC = strata_internal.ledger_agg_transition, STYPE = strata.ledger, SSPACE = 256,
    FINALFUNC = strata_internal.ledger_seal, COMBINEFUNC = strata_internal.ledger_merge, PARALLEL = SAFE
);
COMMENT ON AGGREGATE strata.ledger_agg(date) IS 'ledger of events by date, without amounts';
CREATE AGGREGATE strata.ledger_agg(at date, amount numeric) (
    SFUNC = strata_internal.ledger_agg_transition, STYPE = strata.ledger, SSPACE = 256,
    FINALFUNC = strata_internal.ledger_seal, COMBINEFUNC = strata_internal.ledger_merge, PARALLEL = SAFE
);
COMMENT ON AGGREGATE strata.ledger_agg(date, numeric) IS 'ledger of events by date, with exact amounts';
CREATE AGGREGATE strata.ledger_agg(at date, amount bigint) (
    SFUNC = strata_internal.ledger_agg_transition, STYPE = strata.ledger, SSPACE = 256,
    FINALFUNC = strata_internal.ledger_seal, COMBINEFUNC = strata_internal.ledger_merge, PARALLEL = SAFE
);
COMMENT ON AGGREGATE strata.ledger_agg(date, bigint) IS 'ledger of events by date, with whole amounts';
CREATE AGGREGATE strata.ledger_agg(at date, amount integer) (
    SFUNC = strata_internal.ledger_agg_transition, STYPE = strata.ledger, SSPACE = 256,
    FINALFUNC = strata_internal.ledger_seal, COMBINEFUNC = strata_internal.ledger_merge, PARALLEL = SAFE
);
COMMENT ON AGGREGATE strata.ledger_agg(date, integer) IS 'ledger of events by date, with whole amounts';
CREATE AGGREGATE strata.ledger_agg(at date, amount double precision) (
    SFUNC = strata_internal.ledger_agg_transition, STYPE = strata.ledger, SSPACE = 256,
    FINALFUNC = strata_internal.ledger_seal, COMBINEFUNC = strata_internal.ledger_merge, PARALLEL = SAFE
);
COMMENT ON AGGREGATE strata.ledger_agg(date, double precision) IS
    'ledger of events by date, with amounts rounded to 6 decimals';
CREATE AGGREGATE strata.ledger_agg(at date, amount numeric, time_zone text) (
    SFUNC = strata_internal.ledger_agg_transition, STYPE = strata.ledger, SSPACE = 256,
    FINALFUNC = strata_internal.ledger_seal, COMBINEFUNC = strata_internal.ledger_merge, PARALLEL = SAFE
);
COMMENT ON AGGREGATE strata.ledger_agg(date, numeric, text) IS
    'ledger of events by date, with exact amounts; needs no time zone';
CREATE AGGREGATE strata.ledger_agg(at date, amount bigint, time_zone text) (
    SFUNC = strata_internal.ledger_agg_transition, STYPE = strata.ledger, SSPACE = 256,
    FINALFUNC = strata_internal.ledger_seal, COMBINEFUNC = strata_internal.ledger_merge, PARALLEL = SAFE
);
COMMENT ON AGGREGATE strata.ledger_agg(date, bigint, text) IS
    'ledger of events by date, with whole amounts; needs no time zone';
CREATE AGGREGATE strata.ledger_agg(at date, amount integer, time_zone text) (
    SFUNC = strata_internal.ledger_agg_transition, STYPE = strata.ledger, SSPACE = 256,
    FINALFUNC = strata_internal.ledger_seal, COMBINEFUNC = strata_internal.ledger_merge, PARALLEL = SAFE
);
COMMENT ON AGGREGATE strata.ledger_agg(date, integer, text) IS
    'ledger of events by date, with whole amounts; needs no time zone';
CREATE AGGREGATE strata.ledger_agg(at date, amount double precision, time_zone text) (
    SFUNC = strata_internal.ledger_agg_transition, STYPE = strata.ledger, SSPACE = 256,
    FINALFUNC = strata_internal.ledger_seal, COMBINEFUNC = strata_internal.ledger_merge, PARALLEL = SAFE
);
COMMENT ON AGGREGATE strata.ledger_agg(date, double precision, text) IS
    'ledger of events by date, with amounts rounded to 6 decimals; needs no time zone';
CREATE AGGREGATE strata.ledger_agg(at timestamp) (
    SFUNC = strata_internal.ledger_agg_transition, STYPE = strata.ledger, SSPACE = 256,
    FINALFUNC = strata_internal.ledger_seal, COMBINEFUNC = strata_internal.ledger_merge, PARALLEL = SAFE
);
COMMENT ON AGGREGATE strata.ledger_agg(timestamp) IS
    'ledger of events by the date of a timestamp, as it stands, without amounts';
CREATE AGGREGATE strata.ledger_agg(at timestamp, amount numeric) (
    SFUNC = strata_internal.ledger_agg_transition, STYPE = strata.ledger, SSPACE = 256,
    FINALFUNC = strata_internal.ledger_seal, COMBINEFUNC = strata_internal.ledger_merge, PARALLEL = SAFE
);
COMMENT ON AGGREGATE strata.ledger_agg(timestamp, numeric) IS
    'ledger of events by the date of a timestamp, as it stands, with exact amounts';
CREATE AGGREGATE strata.ledger_agg(at timestamp, amount bigint) (
    SFUNC = strata_internal.ledger_agg_transition, STYPE = strata.ledger, SSPACE = 256,
    FINALFUNC = strata_internal.ledger_seal, COMBINEFUNC = strata_internal.ledger_merge, PARALLEL = SAFE
);
COMMENT ON AGGREGATE strata.ledger_agg(timestamp, bigint) IS
    'ledger of events by the date of a timestamp, as it stands, with whole amounts';
CREATE AGGREGATE strata.ledger_agg(at timestamp, amount integer) (
    SFUNC = strata_internal.ledger_agg_transition, STYPE = strata.ledger, SSPACE = 256,
    FINALFUNC = strata_internal.ledger_seal, COMBINEFUNC = strata_internal.ledger_merge, PARALLEL = SAFE
);
COMMENT ON AGGREGATE strata.ledger_agg(timestamp, integer) IS
    'ledger of events by the date of a timestamp, as it stands, with whole amounts';
CREATE AGGREGATE strata.ledger_agg(at timestamp, amount double precision) (
    SFUNC = strata_internal.ledger_agg_transition, STYPE = strata.ledger, SSPACE = 256,
    FINALFUNC = strata_internal.ledger_seal, COMBINEFUNC = strata_internal.ledger_merge, PARALLEL = SAFE
);
COMMENT ON AGGREGATE strata.ledger_agg(timestamp, double precision) IS
    'ledger of events by the date of a timestamp, as it stands, with amounts rounded to 6 decimals';
CREATE AGGREGATE strata.ledger_agg(at timestamp, amount numeric, time_zone text) (
    SFUNC = strata_internal.ledger_agg_transition, STYPE = strata.ledger, SSPACE = 256,
    FINALFUNC = strata_internal.ledger_seal, COMBINEFUNC = strata_internal.ledger_merge, PARALLEL = SAFE
);
COMMENT ON AGGREGATE strata.ledger_agg(timestamp, numeric, text) IS
    'ledger of events by the date of a timestamp, as it stands, with exact amounts; needs no time zone';
CREATE AGGREGATE strata.ledger_agg(at timestamp, amount bigint, time_zone text) (
    SFUNC = strata_internal.ledger_agg_transition, STYPE = strata.ledger, SSPACE = 256,
    FINALFUNC = strata_internal.ledger_seal, COMBINEFUNC = strata_internal.ledger_merge, PARALLEL = SAFE
);
COMMENT ON AGGREGATE strata.ledger_agg(timestamp, bigint, text) IS
    'ledger of events by the date of a timestamp, as it stands, with whole amounts; needs no time zone';
CREATE AGGREGATE strata.ledger_agg(at timestamp, amount integer, time_zone text) (
    SFUNC = strata_internal.ledger_agg_transition, STYPE = strata.ledger, SSPACE = 256,
    FINALFUNC = strata_internal.ledger_seal, COMBINEFUNC = strata_internal.ledger_merge, PARALLEL = SAFE
);
COMMENT ON AGGREGATE strata.ledger_agg(timestamp, integer, text) IS
    'ledger of events by the date of a timestamp, as it stands, with whole amounts; needs no time zone';
CREATE AGGREGATE strata.ledger_agg(at timestamp, amount double precision, time_zone text) (
    SFUNC = strata_internal.ledger_agg_transition, STYPE = strata.ledger, SSPACE = 256,
    FINALFUNC = strata_internal.ledger_seal, COMBINEFUNC = strata_internal.ledger_merge, PARALLEL = SAFE
);
COMMENT ON AGGREGATE strata.ledger_agg(timestamp, double precision, text) IS
    'ledger of events by the date of a timestamp, as it stands, with amounts rounded to 6 decimals; needs no time zone';
CREATE AGGREGATE strata.ledger_agg(at timestamptz) (
    SFUNC = strata_internal.ledger_agg_transition, STYPE = strata.ledger, SSPACE = 256,
    FINALFUNC = strata_internal.ledger_seal, COMBINEFUNC = strata_internal.ledger_merge, PARALLEL = SAFE
);
COMMENT ON AGGREGATE strata.ledger_agg(timestamptz) IS 'refused: the day of an instant needs a time zone';
CREATE AGGREGATE strata.ledger_agg(at timestamptz, amount numeric) (
    SFUNC = strata_internal.ledger_agg_transition, STYPE = strata.ledger, SSPACE = 256,
    FINALFUNC = strata_internal.ledger_seal, COMBINEFUNC = strata_internal.ledger_merge, PARALLEL = SAFE
);
COMMENT ON AGGREGATE strata.ledger_agg(timestamptz, numeric) IS 'refused: the day of an instant needs a time zone';
CREATE AGGREGATE strata.ledger_agg(at timestamptz, amount bigint) (
    SFUNC = strata_internal.ledger_agg_transition, STYPE = strata.ledger, SSPACE = 256,
    FINALFUNC = strata_internal.ledger_seal, COMBINEFUNC = strata_internal.ledger_merge, PARALLEL = SAFE
);
COMMENT ON AGGREGATE strata.ledger_agg(timestamptz, bigint) IS 'refused: the day of an instant needs a time zone';
CREATE AGGREGATE strata.ledger_agg(at timestamptz, amount integer) (
    SFUNC = strata_internal.ledger_agg_transition, STYPE = strata.ledger, SSPACE = 256,
    FINALFUNC = strata_internal.ledger_seal, COMBINEFUNC = strata_internal.ledger_merge, PARALLEL = SAFE
);
COMMENT ON AGGREGATE strata.ledger_agg(timestamptz, integer) IS 'refused: the day of an instant needs a time zone';
CREATE AGGREGATE strata.ledger_agg(at timestamptz, amount double precision) (
    SFUNC = strata_internal.ledger_agg_transition, STYPE = strata.ledger, SSPACE = 256,
    FINALFUNC = strata_internal.ledger_seal, COMBINEFUNC = strata_internal.ledger_merge, PARALLEL = SAFE
);
COMMENT ON AGGREGATE strata.ledger_agg(timestamptz, double precision) IS
    'refused: the day of an instant needs a time zone';
CREATE AGGREGATE strata.ledger_agg(at timestamptz, amount numeric, time_zone text) (
    SFUNC = strata_internal.ledger_agg_transition, STYPE = strata.ledger, SSPACE = 256,
    FINALFUNC = strata_internal.ledger_seal, COMBINEFUNC = strata_internal.ledger_merge, PARALLEL = SAFE
);
COMMENT ON AGGREGATE strata.ledger_agg(timestamptz, numeric, text) IS
    'ledger of events by the local date of an instant in a time zone, with exact amounts';
CREATE AGGREGATE strata.ledger_agg(at timestamptz, amount bigint, time_zone text) (
    SFUNC = strata_internal.ledger_agg_transition, STYPE = strata.ledger, SSPACE = 256,
    FINALFUNC = strata_internal.ledger_seal, COMBINEFUNC = strata_internal.ledger_merge, PARALLEL = SAFE
);
COMMENT ON AGGREGATE strata.ledger_agg(timestamptz, bigint, text) IS
    'ledger of events by the local date of an instant in a time zone, with whole amounts';
CREATE AGGREGATE strata.ledger_agg(at timestamptz, amount integer, time_zone text) (
    SFUNC = strata_internal.ledger_agg_transition, STYPE = strata.ledger, SSPACE = 256,
    FINALFUNC = strata_internal.ledger_seal, COMBINEFUNC = strata_internal.ledger_merge, PARALLEL = SAFE
);
COMMENT ON AGGREGATE strata.ledger_agg(timestamptz, integer, text) IS
    'ledger of events by the local date of an instant in a time zone, with whole amounts';
CREATE AGGREGATE strata.ledger_agg(at timestamptz, amount double precision, time_zone text) (
    SFUNC = strata_internal.ledger_agg_transition, STYPE = strata.ledger, SSPACE = 256,
    FINALFUNC = strata_internal.ledger_seal, COMBINEFUNC = strata_internal.ledger_merge, PARALLEL = SAFE
);
COMMENT ON AGGREGATE strata.ledger_agg(timestamptz, double precision, text) IS
    'ledger of events by the local date of an instant in a time zone, with amounts rounded to 6 decimals';
CREATE AGGREGATE strata.ledger_agg(at timestamptz, time_zone text) (
    SFUNC = strata_internal.ledger_agg_transition, STYPE = strata.ledger, SSPACE = 256,
    FINALFUNC = strata_internal.ledger_seal, COMBINEFUNC = strata_internal.ledger_merge, PARALLEL = SAFE
);
COMMENT ON AGGREGATE strata.ledger_agg(timestamptz, text) IS
    'ledger of events by the local date of an instant in a time zone, without amounts';

CREATE AGGREGATE strata.rollup(ledger strata.ledger) (
    SFUNC = strata_internal.ledger_merge, STYPE = strata.ledger, SSPACE = 256,
    FINALFUNC = strata_internal.ledger_seal, COMBINEFUNC = strata_internal.ledger_merge, PARALLEL = SAFE
);
COMMENT ON AGGREGATE strata.rollup(strata.ledger) IS 'all ledgers as one';
