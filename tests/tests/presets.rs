//! The presets on real purchases: every one runs on every base, its layers are all of the users and no more, and it
//! agrees with whatever else in the extension answers the same question.
//!
//! The bases are the customers of the demo's shop and of CDNOW (where it is there) with a ledger for every source that
//! any preset reads. `orders` and `payments` are the purchases; the other sources, of which nothing is known, are
//! made of purchases too: of the same customer or another one, all or the recent ones, or none. Attributes are made up.

use std::sync::OnceLock;

use postgres::Client;
use strata_tests::purchases::{load_cdnow, load_orders};
use strata_tests::{analyst, assert_same_rows, fresh_database, plan_as_run, run, value};

const DATABASE: &str = "presets";

/// A table of purchases, the days to read at, and its customers.
struct Base {
    table: &'static str,
    days: [&'static str; 2],
    users: i64,
}

const ORDERS: Base = Base { table: "orders", days: ["2011-12-09", "2011-06-15"], users: 4_372 };
const CDNOW: Base = Base { table: "cdnow", days: ["1998-06-30", "1997-09-30"], users: 23_570 };

/// A test of each law for each table; without its data it is ignored.
macro_rules! laws {
    (of $($table:ident),+: $laws:tt) => {
        $(laws!(@$table $laws);)+
    };
    (@orders [$($law:ident),+]) => {
        mod orders {
            $(#[test]
            fn $law() {
                super::$law(&super::ORDERS);
            })+
        }
    };
    (@cdnow [$($law:ident),+]) => {
        mod cdnow {
            $(#[test]
            #[cfg_attr(not(has_cdnow), ignore = "needs cdnow of the shared data")]
            fn $law() {
                super::$law(&super::CDNOW);
            })+
        }
    };
}

laws!(of orders, cdnow: [
    everybody_is_in_a_layer, all_functions_agree, calibration_counts_the_scores,
    calibration_does_not_depend_on_the_order, rfm_presets_equal_the_main_job, lifecycle_equals_the_function,
    the_past_does_not_know_the_future, next_change_is_neither_late_nor_early
]);

/// Loads what is there, once: per table `…_base` with the users, and `…_models` with every preset for every day,
/// calibrated where it has to be.
fn database() -> Client {
    static LOADED: OnceLock<()> = OnceLock::new();
    LOADED.get_or_init(|| {
        let mut client = fresh_database(DATABASE);
        load_orders(&mut client);
        if cfg!(has_cdnow) {
            load_cdnow(&mut client);
        }
        let sources: Vec<String> = client
            .query("SELECT DISTINCT unnest(sources) AS source FROM strata.presets() ORDER BY source", &[])
            .expect("the sources")
            .iter()
            .map(|row| row.get(0))
            .collect();
        for Base { table, days, .. } in [ORDERS].into_iter().chain(cfg!(has_cdnow).then_some(CDNOW)) {
            let made = sources.iter().enumerate().map(|(number, source)| match source.as_str() {
                "orders" | "payments" => format!("ledger AS {source}"),
                _ => format!(
                    "CASE (customer + {number}) % 4 WHEN 0 THEN ledger WHEN 1 THEN lag(ledger, 1 + {number}) OVER (ORDER BY customer)
                         WHEN 2 THEN strata.clip(ledger, DATE '{}' - 60, NULL) END AS {source}",
                    days[0]
                ),
            });
            run(
                &mut client,
                &format!(
                    "CREATE TABLE {table}_base AS
                     SELECT customer, {},
                            CASE WHEN customer % 7 > 0 THEN DATE '{end}' + 20 - (customer * 7919 % 900)::int END AS registered_on,
                            CASE WHEN customer % 5 > 0 THEN DATE '1952-02-29' + (customer * 104729 % 22000)::int END AS birthday,
                            nullif(customer % 6, 0) AS city_tier, nullif(customer % 3, 2) = 1 AS has_children, nullif(customer % 40, 0) AS seats
                     FROM (SELECT customer, strata.ledger_agg(at, amount) AS ledger FROM {table} GROUP BY customer) AS l;
                     CREATE TABLE {table}_models AS
                     SELECT preset, as_of,
                            CASE WHEN needs_calibration
                                 THEN (SELECT strata.calibrate_agg(b, model, as_of) FROM {table}_base AS b) ELSE model END AS model
                     FROM (SELECT preset, needs_calibration, strata.preset(preset) AS model FROM strata.presets() OFFSET 0) AS p,
                          (VALUES (DATE '{}'), ('{}')) AS days (as_of);
                     CREATE TABLE {table}_answers AS
                     SELECT preset, as_of, customer, e.*
                     FROM {table}_models, {table}_base AS b, LATERAL strata.evaluate(b, model, as_of) AS e;
                     ANALYZE {table}_base;
                     ANALYZE {table}_answers",
                    made.collect::<Vec<_>>().join(",\n"),
                    days[0],
                    days[1],
                    end = days[0],
                ),
            );
        }
    });
    analyst(DATABASE)
}

/// Law: everybody is in exactly one layer of an exclusive preset, and the layers are those of the model.
fn everybody_is_in_a_layer(base: &Base) {
    let mut client = database();
    let Base { table, users, .. } = base;
    assert_same_rows(
            &mut client,
            table,
            &format!(
                "SELECT a.preset, a.as_of, count(*), count(*) FILTER (WHERE CASE WHEN mode = 'exclusive' THEN layer = ANY(layers) AND layers <@ known
                                                                                ELSE layer IS NULL AND layers <@ known END)
                 FROM {table}_answers AS a JOIN strata.presets() USING (preset)
                      JOIN (SELECT preset, as_of, array_agg(layer) AS known FROM {table}_models, strata.model_layers(model) GROUP BY 1, 2) AS k USING (preset, as_of)
                 GROUP BY 1, 2"
            ),
            &format!("SELECT preset, as_of, {users}, {users} FROM {table}_models"),
        );
    // several layers of each are inhabited, or little was shown
    let least: i64 = value(
        &mut client,
        &format!(
            "SELECT min(n) FROM (SELECT count(DISTINCT layers) AS n FROM {table}_answers GROUP BY preset, as_of) AS c"
        ),
    );
    assert!(least >= 2, "{table}: a preset with {least} layers");
}

/// Law: layer_assign, layers_assign and explain say what evaluate says.
fn all_functions_agree(base: &Base) {
    let mut client = database();
    let Base { table, .. } = base;
    let answers = format!("SELECT preset, as_of, customer, layer, layers FROM {table}_answers WHERE customer % 20 = 3");
    assert_same_rows(
            &mut client,
            table,
            &format!(
                "SELECT m.preset, as_of, customer,
                        CASE mode WHEN 'exclusive' THEN strata.layer_assign(b, model, as_of) END AS layer, strata.layers_assign(b, model, as_of) AS layers
                 FROM {table}_models AS m JOIN strata.presets() USING (preset), {table}_base AS b WHERE customer % 20 = 3"
            ),
            &answers,
        );
    let few = answers.replace("% 20", "% 200");
    assert_same_rows(
            &mut client,
            table,
            &format!(
                "SELECT preset, as_of, customer, e ->> 'layer' AS layer, ARRAY(SELECT jsonb_array_elements_text(e -> 'layers')) AS layers
                 FROM {table}_models, {table}_base AS b, LATERAL (SELECT strata.explain(b, model, as_of)) AS x (e) WHERE customer % 200 = 3"
            ),
            &few,
        );
}

/// Law: the users that calibration says to have reached a score are those who have it.
fn calibration_counts_the_scores(base: &Base) {
    let mut client = database();
    let Base { table, users, .. } = base;
    assert_same_rows(
            &mut client,
            table,
            &format!(
                "SELECT preset, as_of, place, score, reached::bigint
                 FROM {table}_models, json_each(model::json #> '{{calibration,scores}}') WITH ORDINALITY AS s (name, found, place),
                      json_array_elements_text(found -> 'reached') WITH ORDINALITY AS r (reached, score)
                 WHERE reached <> '0'"
            ),
            &format!(
                "SELECT preset, as_of, place, score::bigint, count(*)
                 FROM {table}_answers, unnest(scores) WITH ORDINALITY AS s (score, place)
                 WHERE score IS NOT NULL AND preset IN (SELECT preset FROM {table}_models WHERE model::jsonb ? 'calibration')
                 GROUP BY 1, 2, 3, 4"
            ),
        );
    let counted: bool = value(
        &mut client,
        &format!(
            "SELECT bool_and((model::json #>> '{{calibration,users}}')::bigint = {users})
                 FROM {table}_models WHERE model::jsonb ? 'calibration'"
        ),
    );
    assert!(counted, "calibration has not seen all {users} users of {table}");
}

/// Law: a calibration by parallel workers, or of users in another order, is the same.
fn calibration_does_not_depend_on_the_order(base: &Base) {
    let mut client = database();
    let presets = client
        .query("SELECT preset FROM strata.presets() WHERE needs_calibration", &[])
        .expect("the presets that are calibrated");
    let Base { table, days: [as_of, _], .. } = base;
    for preset in presets.iter().map(|row| row.get::<_, String>(0)) {
        let calibrated = |order: &str| {
            format!(
                "SELECT strata.calibrate_agg(b, strata.preset('{preset}'), '{as_of}' {order})::text AS model
                     FROM {table}_base AS b"
            )
        };
        let stored = format!("SELECT model::text FROM {table}_models WHERE preset = '{preset}' AND as_of = '{as_of}'");
        assert_same_rows(&mut client, "shuffled", &calibrated("ORDER BY md5(customer::text)"), &stored);
        run(
            &mut client,
            "SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0;
                 DROP TABLE IF EXISTS parallel",
        );
        let plan = plan_as_run(&mut client, &format!("CREATE TEMPORARY TABLE parallel AS {}", calibrated("")));
        assert!(plan.contains("Partial Aggregate") && !plan.contains("Workers Launched: 0"), "{plan}");
        run(&mut client, "RESET ALL");
        assert_same_rows(&mut client, &plan, "TABLE parallel", &stored);
    }
}

/// Law: the RFM presets say of everybody who ordered in the window what rfm() says of the purchases in the window; who
/// ordered before only is lost, and who never ordered a prospect.
fn rfm_presets_equal_the_main_job(base: &Base) {
    let mut client = database();
    let Base { table, days, .. } = base;
    for as_of in days {
        for (scheme, lost) in [("eleven", "lost"), ("ten", "hibernating"), ("eight", "general_win_back")] {
            assert_same_rows(
                    &mut client,
                    &format!("rfm_{scheme} on {table} as of {as_of}"),
                    &format!(
                        "SELECT customer, scores[1] AS r, scores[2] AS f, CASE '{scheme}' WHEN 'ten' THEN NULL ELSE scores[3] END AS m, layer
                         FROM {table}_answers WHERE preset = 'rfm_{scheme}' AND as_of = '{as_of}'"
                    ),
                    &format!(
                        "SELECT b.customer, r.r, r.f, CASE '{scheme}' WHEN 'ten' THEN NULL ELSE r.m END,
                                CASE WHEN r.r IS NOT NULL THEN r.segment WHEN ever.customer IS NOT NULL THEN '{lost}' ELSE 'prospect' END
                         FROM {table}_base AS b
                         LEFT JOIN strata.rfm('SELECT customer, at, amount FROM {table} WHERE at >= DATE ''{as_of}'' - 364', as_of => '{as_of}',
                                              user_type => NULL::bigint, scheme => '{scheme}') AS r ON r.user_id = b.customer
                         LEFT JOIN (SELECT DISTINCT customer FROM {table} WHERE at < DATE '{as_of}' + 1 AND amount >= 0) AS ever ON ever.customer = b.customer"
                    ),
                );
        }
    }
}

/// Law: the preset `lifecycle` is lifecycle_stage(), with the same thresholds.
fn lifecycle_equals_the_function(base: &Base) {
    let mut client = database();
    let Base { table, .. } = base;
    for options in [
        "{}",
        r#"{"new_days": 60, "loyal_orders": 2, "dormant_days": 45, "churned_days": 120, "paying_window_days": 90}"#,
    ] {
        let stages = assert_same_rows(
                &mut client,
                &format!("{table} {options}"),
                &format!(
                    "SELECT customer, as_of, strata.layer_assign(b, strata.preset('lifecycle', '{options}'), as_of) AS stage
                     FROM {table}_base AS b, (SELECT DISTINCT as_of FROM {table}_models) AS days"
                ),
                &format!(
                    "SELECT customer, as_of, strata.lifecycle_stage(orders, visits, registered_on, as_of, '{options}')
                     FROM {table}_base AS b, (SELECT DISTINCT as_of FROM {table}_models) AS days"
                ),
            );
        assert!(stages > 8_000, "{stages}");
    }
}

/// Law: whatever lies after as_of does not exist.
fn the_past_does_not_know_the_future(base: &Base) {
    let mut client = database();
    let Base { table, days: [_, past], .. } = base;
    let sources: String =
        value(&mut client, "SELECT string_agg(DISTINCT source, ', ') FROM strata.presets(), unnest(sources) AS source");
    let clipped: Vec<String> =
        sources.split(", ").map(|source| format!("strata.clip({source}, NULL, '{past}') AS {source}")).collect();
    assert_same_rows(
            &mut client,
            table,
            &format!(
                "SELECT preset, customer, e.layer, e.layers, e.scores
                 FROM {table}_models, LATERAL (SELECT customer, {}, CASE WHEN registered_on <= '{past}' THEN registered_on END AS registered_on,
                                                      CASE WHEN birthday <= '{past}' THEN birthday END AS birthday, city_tier, has_children, seats
                                               FROM {table}_base WHERE customer % 10 = 1) AS b,
                      LATERAL strata.evaluate(b, model, as_of) AS e WHERE as_of = '{past}'",
                clipped.join(", ")
            ),
            &format!("SELECT preset, customer, layer, layers, scores FROM {table}_answers WHERE as_of = '{past}' AND customer % 10 = 1"),
        );
}

/// Law: until next_change nothing differs, and on that day something does; without one nothing ever does.
fn next_change_is_neither_late_nor_early(base: &Base) {
    let mut client = database();
    let Base { table, .. } = base;
    let sample = format!(
        "{table}_answers AS a JOIN {table}_models AS m USING (preset, as_of) JOIN {table}_base AS b USING (customer)"
    );
    let between = "
            SELECT (next_change - 1) AS day WHERE next_change IS NOT NULL
            UNION SELECT as_of + n FROM unnest(ARRAY[1, 2, 5, 17, 30, 31, 90, 120, 365, 1000, 20000]) AS n WHERE as_of + n < next_change OR next_change IS NULL";
    assert_same_rows(
            &mut client,
            &format!("until then, on {table}"),
            &format!(
                "SELECT preset, as_of, customer, day, e.layer, e.layers, e.scores
                 FROM {sample}, LATERAL ({between}) AS d, LATERAL strata.evaluate(b, model, day) AS e WHERE customer % 50 = 2"
            ),
            &format!("SELECT preset, as_of, customer, day, layer, layers, scores FROM {sample}, LATERAL ({between}) AS d WHERE customer % 50 = 2"),
        );
    let early = client
        .query(
            &format!(
                "SELECT preset || ' ' || as_of || ' ' || customer || ' ' || a.next_change
                     FROM {sample}, LATERAL strata.evaluate(b, model, a.next_change) AS e
                     WHERE customer % 10 = 2 AND a.next_change IS NOT NULL
                       AND (a.layer, a.layers, a.scores) IS NOT DISTINCT FROM (e.layer, e.layers, e.scores)"
            ),
            &[],
        )
        .expect("the early ones");
    let early: Vec<String> = early.iter().map(|row| row.get(0)).collect();
    assert!(early.is_empty(), "{} too early on {table}, such as {:?}", early.len(), &early[..early.len().min(12)]);
}
