-- What users did last.

CREATE TYPE strata.last_events (
    INPUT = strata_internal.last_events_in,
    OUTPUT = strata_internal.last_events_out,
    RECEIVE = strata_internal.last_events_recv,
    SEND = strata_internal.last_events_send,
    INTERNALLENGTH = VARIABLE,
    STORAGE = extended
);
COMMENT ON TYPE strata.last_events IS 'what a user did last: the latest few events by kind';

CREATE CAST (strata.last_events AS text[]) WITH FUNCTION strata_internal.event_kinds(strata.last_events);
COMMENT ON CAST (strata.last_events AS text[]) IS 'kinds of the last events, in their order';

CREATE AGGREGATE strata.last_events_agg(at timestamp, kind text, keep integer) (
    SFUNC = strata_internal.last_events_transition, STYPE = strata.last_events, SSPACE = 256,
    COMBINEFUNC = strata_internal.last_events_merge, PARALLEL = SAFE
);
COMMENT ON AGGREGATE strata.last_events_agg(timestamp, text, integer) IS 'the latest events of a user, so many of them';

CREATE AGGREGATE strata.rollup(strata.last_events) (
    SFUNC = strata_internal.last_events_merge, STYPE = strata.last_events, SSPACE = 256,
    COMBINEFUNC = strata_internal.last_events_merge, PARALLEL = SAFE
);
COMMENT ON AGGREGATE strata.rollup(strata.last_events) IS 'the latest events of several parts of a user''s history';
