-- What users did last. The state is the type itself: parallel workers and sharded servers can ship it.

CREATE FUNCTION last_events_transition(last_events, timestamp, text, integer) RETURNS last_events IMMUTABLE PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'last_events_transition';
CREATE FUNCTION last_events_merge(last_events, last_events) RETURNS last_events IMMUTABLE PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'last_events_merge';
CREATE AGGREGATE last_events_agg(at timestamp, kind text, keep integer) (SFUNC = last_events_transition, STYPE = last_events, SSPACE = 256, COMBINEFUNC = last_events_merge, PARALLEL = SAFE);
CREATE AGGREGATE rollup(last_events) (SFUNC = last_events_merge, STYPE = last_events, SSPACE = 256, COMBINEFUNC = last_events_merge, PARALLEL = SAFE);
