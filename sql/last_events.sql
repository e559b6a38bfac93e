-- What users did last. The state is the type itself: parallel workers and sharded servers can ship it.

CREATE TYPE last_events;
CREATE FUNCTION last_events_in(cstring) RETURNS last_events IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'last_events_in_wrapper';
CREATE FUNCTION last_events_out(last_events) RETURNS cstring IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'last_events_out_wrapper';
CREATE FUNCTION last_events_recv(internal) RETURNS last_events IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'last_events_recv_wrapper';
CREATE FUNCTION last_events_send(last_events) RETURNS bytea IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'last_events_send_wrapper';
CREATE TYPE last_events (
    INPUT = last_events_in,
    OUTPUT = last_events_out,
    RECEIVE = last_events_recv,
    SEND = last_events_send,
    INTERNALLENGTH = VARIABLE,
    STORAGE = extended
);

CREATE FUNCTION last_events_transition(last_events, timestamp, text, integer) RETURNS last_events IMMUTABLE PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'last_events_transition';
CREATE FUNCTION last_events_merge(last_events, last_events) RETURNS last_events IMMUTABLE PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'last_events_merge';
CREATE AGGREGATE last_events_agg(at timestamp, kind text, keep integer) (SFUNC = last_events_transition, STYPE = last_events, SSPACE = 256, COMBINEFUNC = last_events_merge, PARALLEL = SAFE);
CREATE AGGREGATE rollup(last_events) (SFUNC = last_events_merge, STYPE = last_events, SSPACE = 256, COMBINEFUNC = last_events_merge, PARALLEL = SAFE);
