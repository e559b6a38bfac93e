//! The law of call sites: what a function keeps from row to row (the parsed model, the places of the columns) never
//! shows. Whatever models and rows come past a call site, in whatever order and under whatever plan, each answer is
//! that of a statement of its own.

use std::sync::OnceLock;

use postgres::Client;
use strata_tests::{analyst, assert_same_rows, explained, fresh_database, plan_as_run, refusal, run, value};

const DATABASE: &str = "models";

/// Users in two tables with other columns, types and orders of columns; models of equal and of other shape; every
/// function that asks a model about a row, in one PL/pgSQL expression that keeps its call sites for a transaction.
const PREPARATION: &str = r#"
SELECT setseed(0.4);
CREATE TABLE users_a (id int PRIMARY KEY, spent int, city text, orders strata.ledger, r smallint) WITH (parallel_workers = 2);
INSERT INTO users_a
SELECT n, random() * 300, CASE WHEN random() < 0.9 THEN (ARRAY['Shanghai', 'Chengdu', '北京'])[1 + random() * 2] END,
       CASE WHEN random() < 0.9 THEN (SELECT strata.ledger_agg(DATE '2024-03-31' - (random() * 400)::int, (random() * 90)::int)
                                      FROM generate_series(1, 1 + n % 7)) END,
       CASE WHEN random() < 0.9 THEN 1 + random() * 2 END
FROM generate_series(1, 60) AS n;
CREATE TABLE users_b (orders strata.ledger, gone text, city varchar(20), spent numeric, extra boolean, id bigint) WITH (parallel_workers = 2);
ALTER TABLE users_b DROP COLUMN gone;
INSERT INTO users_b SELECT a.orders, b.city, b.spent / 2.0, true, a.id FROM users_a AS a JOIN users_a AS b ON b.id = 61 - a.id;

CREATE TABLE models (number serial PRIMARY KEY, model strata.model);
INSERT INTO models (model) VALUES
('{"name": "low_cut", "metrics": {"spent": "0"}, "layers": [{"name": "high", "when": "spent >= 100"}], "default": {"name": "rest"}}'),
('{"name": "new_cut", "metrics": {"spent": "0"}, "layers": [{"name": "high", "when": "spent >= 200"}], "default": {"name": "rest"}}'),
('{"name": "new_cut", "metrics": {"spent": "0"}, "layers": [{"name": "rest", "when": "spent >= 200"}], "default": {"name": "high"}}'),
('{"name": "city", "attributes": {"city": "text"}, "layers": [{"name": "sh", "when": "city = ''Shanghai''"}, {"name": "bj", "when": "city = ''北京''"}], "default": {"name": "rest"}}'),
('{"name": "tags", "attributes": {"city": "text", "spent": "number"}, "mode": "overlapping", "layers": [{"name": "high", "when": "spent >= 100"}, {"name": "sh", "when": "city = ''Shanghai''"}]}'),
('{"name": "ledgers", "sources": ["orders"], "metrics": {"idle": "recency(orders)", "n": "frequency(orders, 90)"}, "layers": [{"name": "high", "when": "n >= 2"}, {"name": "awake", "when": "idle < 60"}], "default": {"name": "rest"}}'),
('{"name": "given", "metrics": {"spent": "0"}, "scores": {"r": {"of": "spent", "cuts": [50, 150]}}, "layers": [{"name": "high", "when": "r = 3"}, {"name": "middle", "when": "r = 2"}], "default": {"name": "rest"}}'),
('{"name": "people", "sources": ["orders"], "attributes": {"city": "text"}, "population": "city is not null", "metrics": {"total": "monetary(orders, 365)"}, "scores": {"t": {"of": "total", "cuts": [50, 150]}}, "dimensions": {"where": {"layers": [{"name": "east", "when": "city = ''Shanghai''"}], "default": {"name": "elsewhere"}}}, "layers": [{"name": "all"}, {"name": "high", "when": "t = 3 and \"where\" = ''east''", "parent": "all"}, {"name": "middle", "when": "t >= 2", "parent": "all"}], "default": {"name": "rest"}}');

CREATE FUNCTION everything(asked record, model strata.model, as_of date) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
    RETURN jsonb_build_array(
        CASE WHEN model::jsonb ->> 'mode' = 'exclusive' THEN strata.layer_assign(asked, model, as_of) END,
        strata.layers_assign(asked, model, as_of), strata.metrics(asked, model, as_of), strata.evaluate(asked, model, as_of),
        strata.explain(asked, model, as_of), strata.explain_text(asked, model, as_of, 'zh'),
        strata.distance(asked, model, model::json #>> '{layers,0,name}', as_of));
END $$;
-- The same without anything kept: a statement, and so a call site, for each answer.
CREATE FUNCTION separately(row_of text, model strata.model, as_of date) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    answer jsonb;
    arguments text := format('asked, %L::strata.model, %L::date', model, as_of);
    layer text := model::json #>> '{layers,0,name}';
    single text := CASE WHEN model::jsonb ->> 'mode' = 'exclusive' THEN format('strata.layer_assign(%s)', arguments) ELSE 'NULL::text' END;
BEGIN
    EXECUTE format(
        'SELECT jsonb_build_array(%s, strata.layers_assign(%s), strata.metrics(%2$s), strata.evaluate(%2$s), strata.explain(%2$s),
                                  strata.explain_text(%2$s, ''zh''), strata.distance(asked, %3$L::strata.model, %4$L, %5$L)) FROM %6$s',
        single, arguments, model, layer, as_of, row_of) INTO STRICT answer;
    RETURN answer;
END $$;
"#;

/// The rows of one user, in three shapes.
const SHAPES: &str = "(VALUES ('a', 'users_a AS asked WHERE id = %s'), ('b', 'users_b AS asked WHERE id = %s'),
    ('anonymous', '(SELECT city::name, spent::float8, orders, id FROM users_a) AS asked WHERE id = %s')) AS shapes (shape, source)";

fn database() -> Client {
    static LOADED: OnceLock<()> = OnceLock::new();
    LOADED.get_or_init(|| {
        run(&mut fresh_database(DATABASE), PREPARATION);
        run(&mut analyst(DATABASE), "ANALYZE");
    });
    analyst(DATABASE)
}

/// Models and row types change from call to call at one call site of PL/pgSQL.
#[test]
fn models_and_row_types_may_alternate() {
    let mut client = database();
    let together = "
        SELECT id, number, shape, answer, as_of
        FROM (VALUES (DATE '2024-03-31'), ('2024-01-15')) AS days (as_of), users_a AS a JOIN users_b AS b USING (id)
             JOIN (SELECT city::name, spent::float8, orders, id FROM users_a) AS c USING (id), models,
             LATERAL (VALUES ('a', everything(a, model, as_of)), ('b', everything(b, model, as_of)),
                             ('anonymous', everything(c, model, as_of))) AS answers (shape, answer)";
    let separately = format!(
        "SELECT id, number, shape, separately(format(source, id), model, as_of), as_of
         FROM (VALUES (DATE '2024-03-31'), ('2024-01-15')) AS days (as_of), users_a, models, {SHAPES}"
    );
    for order in ["id, number, shape", "number, shape, id", "shape, id, as_of, number"] {
        let ordered = format!("SELECT * FROM ({together} ORDER BY {order} OFFSET 0) AS ordered");
        assert_same_rows(&mut client, order, &ordered, &separately);
    }
    // what the rows say differs, or nothing was shown
    let distinct: i64 = value(&mut client, &format!("SELECT count(DISTINCT answer) FROM ({together}) AS answers"));
    assert!(distinct > 1_000, "{distinct} answers");
}

/// A variable that holds one model after the other, and a row type that is asked about between two others.
#[test]
fn variables_may_change() {
    let mut client = database();
    run(
        &mut client,
        "CREATE FUNCTION loop_over_models() RETURNS TABLE (id int, number int, layers jsonb, nothing text[]) LANGUAGE plpgsql AS $$
         DECLARE
             current strata.model;
             one users_a;
         BEGIN
             FOR id IN SELECT u.id FROM users_a AS u LOOP
                 SELECT * INTO one FROM users_a AS u WHERE u.id = loop_over_models.id;
                 FOR number, current IN SELECT m.number, m.model FROM models AS m UNION ALL SELECT 0, NULL LOOP
                     layers := coalesce(to_jsonb(strata.layers_assign(one, current, '2024-03-31')), 'null');
                     nothing := strata.layers_assign(NULL::users_a, current, '2024-03-31');
                     RETURN NEXT;
                 END LOOP;
             END LOOP;
         END $$",
    );
    assert_same_rows(
        &mut client,
        "one loop",
        "SELECT * FROM loop_over_models()",
        "SELECT id, number, separately('users_a AS asked WHERE id = ' || id, model, '2024-03-31') -> 1 AS layers, NULL::text[]
         FROM users_a, models UNION ALL SELECT id, 0, 'null', NULL FROM users_a",
    );
}

/// An error in the middle leaves a call site as it was.
#[test]
fn a_refused_row_leaves_no_trace() {
    let mut client = database();
    run(
        &mut client,
        "CREATE FUNCTION tolerant(asked record, model strata.model) RETURNS text LANGUAGE plpgsql AS $$
         BEGIN
             RETURN strata.layers_assign(asked, model, '2024-03-31')::text;
         EXCEPTION WHEN OTHERS THEN
             RETURN SQLSTATE;
         END $$",
    );
    assert_same_rows(
        &mut client,
        "between refused rows",
        "SELECT id, number, answer
         FROM users_a, models,
              LATERAL (VALUES (tolerant(ROW(1), model)), (tolerant(users_a, model)), (tolerant((SELECT x FROM (SELECT true AS spent, DATE '2024-01-01' AS city, 3 AS orders) AS x), model)),
                              (tolerant(users_a, model))) AS answers (answer)",
        "SELECT id, number, CASE other WHEN 'nothing known' THEN CASE WHEN number IN (1, 2, 7) THEN '{rest}' WHEN number = 3 THEN '{high}' ELSE '42703' END
                                    WHEN 'of wrong types' THEN '42804'
                                    ELSE strata.layers_assign(users_a, model, '2024-03-31')::text END
         FROM users_a, models, unnest(ARRAY['', '', 'nothing known', 'of wrong types']) AS other",
    );
}

/// Prepared statements with the model as a parameter, before and after PostgreSQL turns to a generic plan.
#[test]
fn prepared_statements_follow_their_parameters() {
    let mut client = database();
    let models = client.query("SELECT number, model::text FROM models ORDER BY number", &[]).expect("the models");
    let models: Vec<(i32, String)> = models.iter().map(|row| (row.get(0), row.get(1))).collect();
    let query = "SELECT id, strata.layers_assign(u, $1::text::strata.model, '2024-03-31')::text,
                        strata.metrics(u, $1::text::strata.model, '2024-03-31')::text, e.scores::text, e.next_change::text
                 FROM users_a AS u, LATERAL strata.evaluate(u, $1::text::strata.model, '2024-03-31') AS e ORDER BY id";
    for mode in ["auto", "force_generic_plan", "force_custom_plan"] {
        run(&mut client, &format!("SET plan_cache_mode = {mode}"));
        let prepared = client.prepare(query).expect("prepared");
        run(
            &mut client,
            "PREPARE by_model (strata.model, int) AS SELECT id, strata.layers_assign(u, $1, '2024-03-31')::text AS layers
             FROM users_a AS u WHERE id > $2",
        );
        for (number, model) in models.iter().cycle().take(3 * models.len()) {
            let literal = format!("'{}'::text", model.replace('\'', "''"));
            let expected = client.query(&query.replace("$1::text", &literal), &[]).expect("with a literal");
            let found =
                client.query(&prepared, &[model]).unwrap_or_else(|error| panic!("{number}: {}", explained(&error)));
            let texts = |rows: &[postgres::Row]| -> Vec<(i32, [Option<String>; 4])> {
                rows.iter().map(|row| (row.get(0), [1, 2, 3, 4].map(|column| row.get(column)))).collect()
            };
            assert_eq!(texts(&found), texts(&expected), "model {number}, {mode}");
            run(
                &mut client,
                &format!(
                    "DROP TABLE IF EXISTS by_parameter; CREATE TEMPORARY TABLE by_parameter AS EXECUTE by_model ({literal}::strata.model, 0)"
                ),
            );
            assert_same_rows(
                &mut client,
                &format!("model {number}, {mode}"),
                "TABLE by_parameter",
                &format!(
                    "SELECT id, strata.layers_assign(u, {literal}::strata.model, '2024-03-31')::text AS layers FROM users_a AS u"
                ),
            );
        }
        run(&mut client, "DEALLOCATE by_model");
    }
}

/// Large models in a table, compressed, out of line or plain: the same answers in every kind of join.
#[test]
fn stored_models_answer_like_literals() {
    let mut client = database();
    run(
        &mut client,
        r#"CREATE FUNCTION large(seed int) RETURNS strata.model LANGUAGE sql AS $$
               SELECT jsonb_build_object('name', 'large ' || seed, 'metrics', '{"spent": "0"}'::jsonb, 'default', '{"name": "rest"}'::jsonb, 'layers',
                   (SELECT jsonb_agg(jsonb_build_object('name', 'layer ' || n, 'when', format('spent between %s and %s', n * 2 + seed, n * 2 + 1 + seed),
                                                        'meta', md5((n * seed)::text)) ORDER BY n) FROM generate_series(0, 199) AS n))::text::strata.model
           $$;
           CREATE TABLE compressed (seed int, model strata.model);
           CREATE TABLE out_of_line (seed int, model strata.model);
           ALTER TABLE out_of_line ALTER model SET STORAGE EXTERNAL;
           INSERT INTO compressed SELECT seed, large(seed) FROM generate_series(1, 3) AS seed;
           INSERT INTO out_of_line TABLE compressed;
           -- read back as it is stored: moving a value does not unpack it
           UPDATE out_of_line SET model = large(seed)"#,
    );
    let stored: bool = value(
        &mut client,
        "SELECT (SELECT min(length(model::text)) > 16000 AND max(pg_column_size(model)) < 16000 FROM compressed)
            AND (SELECT min(pg_column_size(model)) > 16000 FROM out_of_line)
            AND (SELECT min(pg_relation_size(reltoastrelid)) > 0 FROM pg_class WHERE relname IN ('compressed', 'out_of_line'))",
    );
    assert!(stored, "the models are not stored as the test wants");
    let expected =
        "SELECT id, seed, CASE WHEN spent - seed BETWEEN 0 AND 399 THEN 'layer ' || (spent - seed) / 2 ELSE 'rest' END
                    FROM users_a, generate_series(1, 3) AS seed";
    for table in ["compressed", "out_of_line"] {
        for settings in ["", "SET enable_material = off", "SET enable_material = off; SET join_collapse_limit = 1"] {
            run(&mut client, &format!("RESET ALL; {settings}"));
            for join in [
                format!("users_a AS u, {table} AS m"),
                format!("{table} AS m CROSS JOIN users_a AS u"),
                format!(
                    "(SELECT * FROM users_a ORDER BY id) AS u, LATERAL (SELECT * FROM {table} ORDER BY seed OFFSET 0) AS m"
                ),
                format!(
                    "(SELECT * FROM {table} ORDER BY seed DESC) AS m, LATERAL (SELECT * FROM users_a OFFSET 0) AS u"
                ),
            ] {
                let found = format!("SELECT id, seed, strata.layer_assign(u, m.model) FROM {join}");
                assert_same_rows(&mut client, &join, &found, expected);
            }
            assert_same_rows(
                &mut client,
                "a subquery for each",
                &format!(
                    "SELECT id, seed, strata.layer_assign(u, (SELECT model FROM {table} AS m WHERE m.seed = s.seed))
                     FROM users_a AS u, generate_series(1, 3) AS s (seed)"
                ),
                expected,
            );
        }
    }
}

/// A prepared statement follows its table through ALTER TABLE.
#[test]
fn prepared_statements_follow_their_table() {
    let mut client = database();
    run(
        &mut client,
        r#"CREATE TABLE changing (id int, spent int);
           INSERT INTO changing VALUES (1, 50), (2, 150);
           CREATE TABLE cut AS SELECT '{"name": "m", "metrics": {"spent": "0"}, "scores": {"s": {"of": "spent", "cuts": [100]}},
               "layers": [{"name": "high", "when": "s = 2"}], "default": {"name": "low"}}'::strata.model AS model;
           PREPARE layer AS SELECT string_agg(strata.layer_assign(c, model), ' ' ORDER BY id) FROM changing AS c, cut"#,
    );
    let literal =
        "SELECT string_agg(strata.layer_assign(c, (SELECT model FROM cut)), ' ' ORDER BY id) FROM changing AS c";
    for (change, expected) in [
        ("SELECT", "low high"),
        ("ALTER TABLE changing ADD city text", "low high"),
        ("ALTER TABLE changing ALTER spent TYPE numeric USING spent + 0.5", "low high"),
        ("ALTER TABLE changing ALTER spent TYPE float8 USING 200 - spent", "high low"),
        ("ALTER TABLE changing DROP city", "high low"),
        ("ALTER TABLE changing DROP spent, ADD spent bigint DEFAULT 100", "high high"),
        ("UPDATE changing SET spent = NULL WHERE id = 1", "low high"),
        ("ALTER TABLE changing ADD s smallint DEFAULT 2", "high high"),
        ("ALTER TABLE changing RENAME s TO t", "low high"),
        (
            "ALTER TABLE changing RENAME spent TO s; ALTER TABLE changing RENAME t TO spent; UPDATE changing SET s = 2",
            "high high",
        ),
    ] {
        run(&mut client, change);
        for query in ["EXECUTE layer", literal] {
            let found = client.simple_query(query).unwrap_or_else(|error| panic!("{change}: {}", explained(&error)));
            let found = found.iter().find_map(|message| match message {
                postgres::SimpleQueryMessage::Row(row) => row.get(0),
                _ => None,
            });
            assert_eq!(found, Some(expected), "{query} after {change}");
        }
    }
    run(&mut client, "ALTER TABLE changing ALTER s TYPE text");
    assert_eq!(refusal(&mut client, "EXECUTE layer"), "42804");
}

/// Parallel workers answer as one process does, with a constant model, a model from a subquery and one from a join.
#[test]
fn parallel_workers_give_the_serial_answer() {
    let mut client = database();
    run(
        &mut client,
        "CREATE TABLE many WITH (parallel_workers = 2) AS
             SELECT n AS id, a.spent + n % 50 AS spent, a.city, a.orders, a.r FROM users_a AS a, generate_series(1, 100) AS n;
         CREATE TABLE kept_model AS SELECT model FROM models WHERE number = 8",
    );
    run(&mut client, "ANALYZE many");
    let literal: String = value(&mut client, "SELECT quote_literal(model::text) FROM kept_model");
    for model in [format!("{literal}::strata.model"), "(SELECT model FROM kept_model)".to_owned()] {
        for answer in [
            "strata.layer_assign(m, MODEL, '2024-03-31')",
            "strata.layers_assign(m, MODEL, '2024-03-31')",
            "strata.evaluate(m, MODEL, '2024-03-31')::text",
            "strata.metrics(m, MODEL, '2024-03-31')",
            "strata.explain_text(m, MODEL, '2024-03-31')",
            "strata.layer_assign(ROW(m.city, m.orders, m.id)::asked, MODEL, '2024-03-31')",
        ] {
            if answer.contains("asked") {
                run(
                    &mut client,
                    "DROP TYPE IF EXISTS asked; CREATE TYPE asked AS (city text, orders strata.ledger, id int)",
                );
            }
            let query = format!(
                "SELECT id, count(*), {} AS answer FROM many AS m GROUP BY 1, 3",
                answer.replace("MODEL", &model)
            );
            let mut under = |table: &str, settings: &str| {
                run(&mut client, &format!("RESET ALL; DROP TABLE IF EXISTS {table}; {settings}"));
                let plan = plan_as_run(&mut client, &format!("CREATE TEMPORARY TABLE {table} AS {query}"));
                run(&mut client, "RESET ALL");
                plan
            };
            let serial = under("serial", "SET max_parallel_workers_per_gather = 0");
            assert!(!serial.contains("Gather"), "{serial}");
            let parallel = under(
                "parallel",
                "SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0;
                 SET parallel_leader_participation = off",
            );
            assert!(
                parallel.contains("Workers Launched: ") && !parallel.contains("Workers Launched: 0"),
                "{query}\n{parallel}"
            );
            assert_same_rows(&mut client, &query, "TABLE parallel", "TABLE serial");
        }
    }
}

/// layer_assign with a constant model can be indexed, generated and checked: the index answers as the table does, and
/// follows its rows.
#[test]
fn layers_can_be_indexed_and_generated() {
    let mut client = database();
    let model = r#"'{"name": "m", "metrics": {"spent": "0"}, "layers": [{"name": "high", "when": "spent >= 990"}], "default": {"name": "low"}}'::strata.model"#;
    run(
        &mut client,
        &format!(
            "CREATE TYPE spender AS (spent numeric);
             CREATE TABLE indexed (id int, spent numeric, layer text GENERATED ALWAYS AS (strata.layer_assign(ROW(spent)::spender, {model})) STORED);
             INSERT INTO indexed SELECT n, n FROM generate_series(1, 1000) AS n;
             CREATE INDEX whole_row ON indexed (strata.layer_assign(indexed, {model}));
             CREATE INDEX of_a_row ON indexed (strata.layer_assign(ROW(spent)::spender, {model}))"
        ),
    );
    // A generated column cannot depend on itself, and so not on the whole row.
    let state = refusal(
        &mut client,
        &format!(
            "ALTER TABLE indexed ADD again text GENERATED ALWAYS AS (strata.layer_assign(indexed, {model})) STORED"
        ),
    );
    assert_eq!(state, "42P17");
    run(&mut client, "ANALYZE indexed; SET enable_seqscan = off");
    for change in [
        "SELECT",
        "UPDATE indexed SET spent = 5 WHERE id > 995",
        "UPDATE indexed SET spent = 5000 WHERE id < 3",
        "DELETE FROM indexed WHERE id % 2 = 0",
        "ALTER TABLE indexed ADD note text",
        "UPDATE indexed SET note = 'x', spent = 991 WHERE id = 501",
    ] {
        run(&mut client, change);
        for (row, index) in [("indexed", "whole_row"), ("ROW(spent)::spender", "of_a_row")] {
            let query = format!("SELECT id FROM indexed WHERE strata.layer_assign({row}, {model}) = 'high'");
            let plan = plan_as_run(&mut client, &query);
            assert!(plan.contains(index), "not by the index {index}\n{plan}");
            assert_same_rows(&mut client, change, &query, "SELECT id FROM indexed WHERE spent >= 990");
        }
        assert_same_rows(
            &mut client,
            change,
            "SELECT id FROM indexed WHERE layer = 'high'",
            "SELECT id FROM indexed WHERE spent >= 990",
        );
    }
}
