-- What each object is for, in a line: \df+, \do+ and \dT+ show it. tests/sql/catalog.sql fails for one without.

-- Types
COMMENT ON TYPE ledger IS 'a user''s activity from one source: for each day the events, the exact gross amount and the exact credits';
COMMENT ON TYPE cuts IS 'the exact cut points of one metric over a set of users, with bins, tie policy, direction and means';
COMMENT ON TYPE rfm_cuts IS 'the exact cut points of recency, frequency and monetary over the same users';
COMMENT ON TYPE rfm_scores IS 'the scores of one user: r, f and m, from 1 to bins, bins being best';
COMMENT ON FUNCTION ledger_in(cstring) IS 'I/O';
COMMENT ON FUNCTION ledger_out(ledger) IS 'I/O';
COMMENT ON FUNCTION ledger_recv(internal) IS 'I/O';
COMMENT ON FUNCTION ledger_send(ledger) IS 'I/O';
COMMENT ON FUNCTION cuts_in(cstring) IS 'I/O';
COMMENT ON FUNCTION cuts_out(cuts) IS 'I/O';
COMMENT ON FUNCTION cuts_recv(internal) IS 'I/O';
COMMENT ON FUNCTION cuts_send(cuts) IS 'I/O';
COMMENT ON FUNCTION rfm_cuts_in(cstring) IS 'I/O';
COMMENT ON FUNCTION rfm_cuts_out(rfm_cuts) IS 'I/O';
COMMENT ON FUNCTION rfm_cuts_recv(internal) IS 'I/O';
COMMENT ON FUNCTION rfm_cuts_send(rfm_cuts) IS 'I/O';

-- Building ledgers
COMMENT ON AGGREGATE ledger_agg(date) IS 'ledger of events by date, without amounts';
COMMENT ON AGGREGATE ledger_agg(date, numeric) IS 'ledger of events by date, with exact amounts';
COMMENT ON AGGREGATE ledger_agg(date, bigint) IS 'ledger of events by date, with whole amounts';
COMMENT ON AGGREGATE ledger_agg(date, integer) IS 'ledger of events by date, with whole amounts';
COMMENT ON AGGREGATE ledger_agg(date, double precision) IS 'ledger of events by date, with amounts rounded to 6 decimals';
COMMENT ON AGGREGATE ledger_agg(date, numeric, text) IS 'ledger of events by date, with exact amounts; needs no time zone';
COMMENT ON AGGREGATE ledger_agg(date, bigint, text) IS 'ledger of events by date, with whole amounts; needs no time zone';
COMMENT ON AGGREGATE ledger_agg(date, integer, text) IS 'ledger of events by date, with whole amounts; needs no time zone';
COMMENT ON AGGREGATE ledger_agg(date, double precision, text) IS 'ledger of events by date, with amounts rounded to 6 decimals; needs no time zone';
COMMENT ON AGGREGATE ledger_agg(timestamp) IS 'ledger of events by the date of a timestamp, as it stands, without amounts';
COMMENT ON AGGREGATE ledger_agg(timestamp, numeric) IS 'ledger of events by the date of a timestamp, as it stands, with exact amounts';
COMMENT ON AGGREGATE ledger_agg(timestamp, bigint) IS 'ledger of events by the date of a timestamp, as it stands, with whole amounts';
COMMENT ON AGGREGATE ledger_agg(timestamp, integer) IS 'ledger of events by the date of a timestamp, as it stands, with whole amounts';
COMMENT ON AGGREGATE ledger_agg(timestamp, double precision) IS 'ledger of events by the date of a timestamp, as it stands, with amounts rounded to 6 decimals';
COMMENT ON AGGREGATE ledger_agg(timestamp, numeric, text) IS 'ledger of events by the date of a timestamp, as it stands, with exact amounts; needs no time zone';
COMMENT ON AGGREGATE ledger_agg(timestamp, bigint, text) IS 'ledger of events by the date of a timestamp, as it stands, with whole amounts; needs no time zone';
COMMENT ON AGGREGATE ledger_agg(timestamp, integer, text) IS 'ledger of events by the date of a timestamp, as it stands, with whole amounts; needs no time zone';
COMMENT ON AGGREGATE ledger_agg(timestamp, double precision, text) IS 'ledger of events by the date of a timestamp, as it stands, with amounts rounded to 6 decimals; needs no time zone';
COMMENT ON AGGREGATE ledger_agg(timestamptz) IS 'refused: the day of an instant needs a time zone';
COMMENT ON AGGREGATE ledger_agg(timestamptz, numeric) IS 'refused: the day of an instant needs a time zone';
COMMENT ON AGGREGATE ledger_agg(timestamptz, bigint) IS 'refused: the day of an instant needs a time zone';
COMMENT ON AGGREGATE ledger_agg(timestamptz, integer) IS 'refused: the day of an instant needs a time zone';
COMMENT ON AGGREGATE ledger_agg(timestamptz, double precision) IS 'refused: the day of an instant needs a time zone';
COMMENT ON AGGREGATE ledger_agg(timestamptz, text) IS 'ledger of events by the local date of an instant in a time zone, without amounts';
COMMENT ON AGGREGATE ledger_agg(timestamptz, numeric, text) IS 'ledger of events by the local date of an instant in a time zone, with exact amounts';
COMMENT ON AGGREGATE ledger_agg(timestamptz, bigint, text) IS 'ledger of events by the local date of an instant in a time zone, with whole amounts';
COMMENT ON AGGREGATE ledger_agg(timestamptz, integer, text) IS 'ledger of events by the local date of an instant in a time zone, with whole amounts';
COMMENT ON AGGREGATE ledger_agg(timestamptz, double precision, text) IS 'ledger of events by the local date of an instant in a time zone, with amounts rounded to 6 decimals';
COMMENT ON AGGREGATE rollup(ledger) IS 'all ledgers as one';
COMMENT ON FUNCTION ledger_agg_transition(ledger, date) IS 'transition function of ledger_agg';
COMMENT ON FUNCTION ledger_agg_transition(ledger, date, numeric) IS 'transition function of ledger_agg';
COMMENT ON FUNCTION ledger_agg_transition(ledger, date, bigint) IS 'transition function of ledger_agg';
COMMENT ON FUNCTION ledger_agg_transition(ledger, date, integer) IS 'transition function of ledger_agg';
COMMENT ON FUNCTION ledger_agg_transition(ledger, date, double precision) IS 'transition function of ledger_agg';
COMMENT ON FUNCTION ledger_agg_transition(ledger, date, numeric, text) IS 'transition function of ledger_agg';
COMMENT ON FUNCTION ledger_agg_transition(ledger, date, bigint, text) IS 'transition function of ledger_agg';
COMMENT ON FUNCTION ledger_agg_transition(ledger, date, integer, text) IS 'transition function of ledger_agg';
COMMENT ON FUNCTION ledger_agg_transition(ledger, date, double precision, text) IS 'transition function of ledger_agg';
COMMENT ON FUNCTION ledger_agg_transition(ledger, timestamp) IS 'transition function of ledger_agg';
COMMENT ON FUNCTION ledger_agg_transition(ledger, timestamp, numeric) IS 'transition function of ledger_agg';
COMMENT ON FUNCTION ledger_agg_transition(ledger, timestamp, bigint) IS 'transition function of ledger_agg';
COMMENT ON FUNCTION ledger_agg_transition(ledger, timestamp, integer) IS 'transition function of ledger_agg';
COMMENT ON FUNCTION ledger_agg_transition(ledger, timestamp, double precision) IS 'transition function of ledger_agg';
COMMENT ON FUNCTION ledger_agg_transition(ledger, timestamp, numeric, text) IS 'transition function of ledger_agg';
COMMENT ON FUNCTION ledger_agg_transition(ledger, timestamp, bigint, text) IS 'transition function of ledger_agg';
COMMENT ON FUNCTION ledger_agg_transition(ledger, timestamp, integer, text) IS 'transition function of ledger_agg';
COMMENT ON FUNCTION ledger_agg_transition(ledger, timestamp, double precision, text) IS 'transition function of ledger_agg';
COMMENT ON FUNCTION ledger_agg_transition(ledger, timestamptz) IS 'transition function of ledger_agg';
COMMENT ON FUNCTION ledger_agg_transition(ledger, timestamptz, numeric) IS 'transition function of ledger_agg';
COMMENT ON FUNCTION ledger_agg_transition(ledger, timestamptz, bigint) IS 'transition function of ledger_agg';
COMMENT ON FUNCTION ledger_agg_transition(ledger, timestamptz, integer) IS 'transition function of ledger_agg';
COMMENT ON FUNCTION ledger_agg_transition(ledger, timestamptz, double precision) IS 'transition function of ledger_agg';
COMMENT ON FUNCTION ledger_agg_transition(ledger, timestamptz, numeric, text) IS 'transition function of ledger_agg';
COMMENT ON FUNCTION ledger_agg_transition(ledger, timestamptz, bigint, text) IS 'transition function of ledger_agg';
COMMENT ON FUNCTION ledger_agg_transition(ledger, timestamptz, integer, text) IS 'transition function of ledger_agg';
COMMENT ON FUNCTION ledger_agg_transition(ledger, timestamptz, double precision, text) IS 'transition function of ledger_agg';
COMMENT ON FUNCTION ledger_agg_transition(ledger, timestamptz, text) IS 'transition function of ledger_agg';
COMMENT ON FUNCTION ledger_merge(ledger, ledger) IS 'transition function of rollup, combine function of ledger_agg and rollup';
COMMENT ON FUNCTION ledger_seal(ledger) IS 'final function of ledger_agg and rollup';

-- Ledger algebra
COMMENT ON OPERATOR + (ledger, ledger) IS 'everything of both ledgers';
COMMENT ON OPERATOR - (ledger, ledger) IS 'the first ledger without the second';
COMMENT ON OPERATOR = (ledger, ledger) IS 'equal';
COMMENT ON OPERATOR <> (ledger, ledger) IS 'not equal';
COMMENT ON OPERATOR < (ledger, ledger) IS 'less than';
COMMENT ON OPERATOR <= (ledger, ledger) IS 'less than or equal';
COMMENT ON OPERATOR > (ledger, ledger) IS 'greater than';
COMMENT ON OPERATOR >= (ledger, ledger) IS 'greater than or equal';
COMMENT ON FUNCTION ledger_plus(ledger, ledger) IS 'implementation of + operator';
COMMENT ON FUNCTION ledger_minus(ledger, ledger) IS 'implementation of - operator';
COMMENT ON FUNCTION ledger_eq(ledger, ledger) IS 'implementation of = operator';
COMMENT ON FUNCTION ledger_ne(ledger, ledger) IS 'implementation of <> operator';
COMMENT ON FUNCTION ledger_lt(ledger, ledger) IS 'implementation of < operator';
COMMENT ON FUNCTION ledger_le(ledger, ledger) IS 'implementation of <= operator';
COMMENT ON FUNCTION ledger_gt(ledger, ledger) IS 'implementation of > operator';
COMMENT ON FUNCTION ledger_ge(ledger, ledger) IS 'implementation of >= operator';
COMMENT ON FUNCTION ledger_cmp(ledger, ledger) IS 'less-equal-greater';
COMMENT ON FUNCTION ledger_hash(ledger) IS 'hash';
COMMENT ON FUNCTION ledger_hash_extended(ledger, bigint) IS 'hash';
COMMENT ON OPERATOR FAMILY ledger_ops USING btree IS 'order of ledgers';
COMMENT ON OPERATOR CLASS ledger_ops USING btree IS 'order of ledgers';
COMMENT ON OPERATOR FAMILY ledger_ops USING hash IS 'hash of ledgers';
COMMENT ON OPERATOR CLASS ledger_ops USING hash IS 'hash of ledgers';
COMMENT ON FUNCTION clip(ledger, date, date) IS 'the days of a ledger from from_day to to_day, both included';

-- Reading a ledger as of a day
COMMENT ON FUNCTION recency(ledger, date, integer) IS 'days from the last active day to as_of';
COMMENT ON FUNCTION frequency(ledger, date, integer) IS 'number of events up to as_of';
COMMENT ON FUNCTION active_days(ledger, date, integer) IS 'number of days with an event up to as_of';
COMMENT ON FUNCTION monetary(ledger, date, integer) IS 'net amount up to as_of: gross amount less credits';
COMMENT ON FUNCTION gross_amount(ledger, date, integer) IS 'sum of the amounts of events up to as_of';
COMMENT ON FUNCTION credit_amount(ledger, date, integer) IS 'sum of the credits up to as_of, as a positive number';
COMMENT ON FUNCTION average_amount(ledger, date, integer) IS 'net amount per event up to as_of';
COMMENT ON FUNCTION first_amount(ledger, date, integer) IS 'net amount of the first active day';
COMMENT ON FUNCTION first_day(ledger, date, integer) IS 'first active day';
COMMENT ON FUNCTION last_day(ledger, date, integer) IS 'last active day up to as_of';
COMMENT ON FUNCTION tenure(ledger, date, integer) IS 'days from the first active day to as_of';
COMMENT ON FUNCTION entries(ledger) IS 'the days of a ledger as rows';

-- Scores of one metric
COMMENT ON AGGREGATE cuts_agg(numeric) IS 'cut points of a metric over a set of users';
COMMENT ON AGGREGATE cuts_agg(numeric, integer) IS 'cut points of a metric over a set of users';
COMMENT ON AGGREGATE cuts_agg(numeric, integer, text) IS 'cut points of a metric over a set of users';
COMMENT ON AGGREGATE cuts_agg(numeric, integer, text, text) IS 'cut points of a metric over a set of users';
COMMENT ON FUNCTION cuts_agg_transition(bytea, numeric) IS 'transition function of cuts_agg';
COMMENT ON FUNCTION cuts_agg_transition(bytea, numeric, integer) IS 'transition function of cuts_agg';
COMMENT ON FUNCTION cuts_agg_transition(bytea, numeric, integer, text) IS 'transition function of cuts_agg';
COMMENT ON FUNCTION cuts_agg_transition(bytea, numeric, integer, text, text) IS 'transition function of cuts_agg';
COMMENT ON FUNCTION cuts_agg_combine(bytea, bytea) IS 'combine function of cuts_agg';
COMMENT ON FUNCTION cuts_agg_final(bytea) IS 'final function of cuts_agg';
COMMENT ON FUNCTION score(numeric, cuts) IS 'score of a value by cut points, from 1 to bins';
COMMENT ON FUNCTION quantile_score(anyelement, integer) IS 'score of a rows value among those of its partition, equal values getting equal scores';
COMMENT ON FUNCTION quantile_score(anyelement, integer, text) IS 'score of a rows value among those of its partition, equal values getting equal scores';
COMMENT ON FUNCTION quantile_score(anyelement, integer, text, text) IS 'score of a rows value among those of its partition, equal values getting equal scores';

-- Recency, frequency and monetary
COMMENT ON AGGREGATE rfm_cuts_agg(integer, bigint, numeric) IS 'cut points of recency, frequency and monetary over a set of users';
COMMENT ON AGGREGATE rfm_cuts_agg(integer, bigint, numeric, integer) IS 'cut points of recency, frequency and monetary over a set of users';
COMMENT ON AGGREGATE rfm_cuts_agg(integer, bigint, numeric, integer, text) IS 'cut points of recency, frequency and monetary over a set of users';
COMMENT ON FUNCTION rfm_cuts_agg_transition(bytea, integer, bigint, numeric) IS 'transition function of rfm_cuts_agg';
COMMENT ON FUNCTION rfm_cuts_agg_transition(bytea, integer, bigint, numeric, integer) IS 'transition function of rfm_cuts_agg';
COMMENT ON FUNCTION rfm_cuts_agg_transition(bytea, integer, bigint, numeric, integer, text) IS 'transition function of rfm_cuts_agg';
COMMENT ON FUNCTION rfm_cuts_agg_combine(bytea, bytea) IS 'combine function of rfm_cuts_agg';
COMMENT ON FUNCTION rfm_cuts_agg_final(bytea) IS 'final function of rfm_cuts_agg';
COMMENT ON FUNCTION rfm_score(integer, bigint, numeric, rfm_cuts) IS 'scores of a user by cut points';
COMMENT ON FUNCTION rfm_code(rfm_scores) IS 'scores as text, such as 555';
COMMENT ON FUNCTION rfm_segment(rfm_scores, text, text) IS 'segment of a user by a scheme of scores: eleven or ten segments';
COMMENT ON FUNCTION rfm_group(integer, bigint, numeric, rfm_cuts, text, text, numeric[]) IS 'group of a user among the eight of high and low recency, frequency and monetary';
COMMENT ON FUNCTION rfm(text, date, text, integer, text, text, text, integer, text) IS 'scores and segment of every user, from a query of events';
COMMENT ON FUNCTION rfm(text, date, bigint, text, integer, text, text, text, integer) IS 'scores and segment of every user, from a query of events; the user as bigint';
COMMENT ON FUNCTION rfm(text, date, integer, text, integer, text, text, text, integer) IS 'scores and segment of every user, from a query of events; the user as integer';
COMMENT ON FUNCTION rfm(text, date, uuid, text, integer, text, text, text, integer) IS 'scores and segment of every user, from a query of events; the user as uuid';
COMMENT ON FUNCTION rfm_summary(text, date, text, integer, text, text, text, integer) IS 'users, revenue and averages of every segment, from a query of events';

-- Lifecycle
COMMENT ON FUNCTION lifecycle_stage(ledger, ledger, date, date, jsonb) IS 'stage of a user in the customer lifecycle: prospect, new, active, paying, loyal, dormant or churned';

COMMENT ON FUNCTION ledgers(text, text, text) IS 'ledger of every user, from a query of events';
COMMENT ON FUNCTION ledgers(text, bigint, text) IS 'ledger of every user, from a query of events; the user as bigint';
COMMENT ON FUNCTION ledgers(text, integer, text) IS 'ledger of every user, from a query of events; the user as integer';
COMMENT ON FUNCTION ledgers(text, uuid, text) IS 'ledger of every user, from a query of events; the user as uuid';
COMMENT ON AGGREGATE bulk_agg("any", "any", "any", text, date, integer) IS 'engine of ledgers, rfm and rfm_summary; works only below them';
COMMENT ON FUNCTION bulk_agg_transition(internal, "any", "any", "any", text, date, integer) IS 'transition function of bulk_agg';
COMMENT ON FUNCTION bulk_agg_serialize(internal) IS 'part of a parallel worker as bytes';
COMMENT ON FUNCTION bulk_agg_deserialize(bytea, internal) IS 'part of a parallel worker as it was sent';
COMMENT ON FUNCTION bulk_agg_combine(internal, internal) IS 'combine function of bulk_agg';
COMMENT ON FUNCTION bulk_agg_final(internal) IS 'final function of bulk_agg';
