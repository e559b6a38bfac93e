"""What is measured: one entry for each comparison. Adding one is adding an entry to MEASURES.

A side is SQL for an engine. SQL may say :'as_of' (a date) and :orders (the orders table of the entry's data set);
file("x.sql") is the text of queries/x.sql. The harness does the rest: alternates the sides, takes medians,
watches memory, marks ours 'not available' where a function is not there yet.
"""

from dataclasses import dataclass, field
from pathlib import Path

QUERIES = Path(__file__).parent / "queries"

TODAY = "2025-12-31"  # the last day of the generated orders
PAST = "2025-06-30"

# work_mem keeps both sides in memory on purpose; the spill entries lower it for both.
SESSION = {
    "TimeZone": "UTC",
    "jit": "off",
    "work_mem": "2GB",
    "hash_mem_multiplier": "2",
}
SERIAL = {"max_parallel_workers_per_gather": "0"}
PARALLEL = {"max_parallel_workers_per_gather": "2"}
# The planner weighs the two sides differently; here both shall run in parallel.
FORCED_PARALLEL = PARALLEL | {
    "parallel_setup_cost": "0",
    "parallel_tuple_cost": "0",
    "min_parallel_table_scan_size": "0",
}


def spill(memory):
    return {"work_mem": memory, "hash_mem_multiplier": "1"}


def file(name):
    lines = (QUERIES / name).read_text().splitlines()
    return "\n".join(line for line in lines if not line.startswith("--")).strip()


@dataclass(frozen=True)
class Postgres:
    sql: str
    settings: dict = field(default_factory=lambda: PARALLEL)
    into_table: bool = False  # CREATE TABLE … AS, the table is dropped outside the timed part
    keeps: tuple = ()  # calls that EXPLAIN VERBOSE must show, so that the planner has dropped none of the work


@dataclass(frozen=True)
class DuckDB:
    sql: str
    into_table: bool = False


@dataclass(frozen=True)
class DuckDBRoundTrip:
    """Export from PostgreSQL, load, run, export the result and load it back: what using DuckDB here costs."""

    sql: str


@dataclass(frozen=True)
class Measure:
    key: str
    name: str
    ours: object
    peer: object
    peer_name: str
    asked: float | None = None  # ours / peer at most; None: shown for information
    goal: float | None = None  # where the aim is lower than the limit
    orders: str = "orders"  # the data set
    as_of: str = TODAY
    same_answer: bool = False  # the first column of both answers must be equal
    repeated: bool = True  # False: once is enough
    asked_users: float | None = None  # users a second on one core at least, instead of a ratio
    asked_seconds: float | None = None  # ours at most, instead of a ratio
    customers: int | None = None  # who is asked about, where it is not the table of ledgers


@dataclass(frozen=True)
class Cliff:
    """Our time on a difficult data set against our time on the plain one."""

    key: str
    name: str
    of: str  # keys of measures
    against: str
    asked: float | None = None


# The aggregates are counted in the outer query: an aggregate whose result is not read is dropped by the planner.
def group_by(settings=PARALLEL):
    return Postgres(
        "SELECT count(orders), count(latest), count(total) FROM (SELECT customer_id, count(*) AS orders,"
        " max(ordered_at) AS latest, sum(amount) AS total FROM :orders GROUP BY customer_id OFFSET 0) AS customers",
        settings,
        keeps=("count(*)", "max(", "sum("),
    )


def ledger_agg(zone="UTC", settings=PARALLEL):
    return Postgres(
        "SELECT count(ledger) FROM (SELECT customer_id, strata.ledger_agg(ordered_at, amount, "
        f"'{zone}') AS ledger FROM :orders GROUP BY customer_id OFFSET 0) AS customers",
        settings,
        keeps=("ledger_agg(",),
    )


ORDERS_QUERY = "'SELECT customer_id, ordered_at, amount FROM :orders'"


def ledgers(key_type="bigint", settings=PARALLEL):
    return Postgres(
        f"SELECT count(ledger) FROM strata.ledgers({ORDERS_QUERY}, time_zone => 'UTC',"
        f" user_type => NULL::{key_type}) AS built",
        settings,
    )


def rfm(key_type="bigint", into_table=True):
    return Postgres(
        f"SELECT * FROM strata.rfm({ORDERS_QUERY}, as_of => DATE :'as_of', time_zone => 'UTC',"
        f" user_type => NULL::{key_type})",
        into_table=into_table,
    )


RFM_SUMMARY = Postgres(
    f"SELECT * FROM strata.rfm_summary({ORDERS_QUERY}, as_of => DATE :'as_of', time_zone => 'UTC')"
)
SUMMARY_FROM_LEDGERS = Postgres(
    "SELECT * FROM strata.rfm_summary('SELECT customer_id, ledger FROM ledgers', as_of => DATE :'as_of')"
)
HANDWRITTEN_RFM = file("handwritten_rfm.sql")
HANDWRITTEN_SUMMARY = file("handwritten_summary.sql").replace(":handwritten_rfm", HANDWRITTEN_RFM)


# A model of 3 metrics, 3 scores and 11 layers, calibrated once and then asked about every ledger. OFFSET 0 keeps the
# planner from evaluating an expression twice.
RFM_SCORED = (
    "SELECT count(segment) FROM (SELECT strata.rfm_segment(strata.rfm_score(strata.recency(ledger, DATE :'as_of'),"
    " strata.frequency(ledger, DATE :'as_of', 365), strata.monetary(ledger, DATE :'as_of', 365), cuts)) AS segment"
    " FROM ledgers, models OFFSET 0) AS scored"
)


def model(call, of="*", settings=SERIAL):
    return Postgres(
        f"SELECT count({of}) FROM (SELECT strata.{call} AS answer FROM (SELECT ledger AS orders FROM ledgers) AS t,"
        " models AS m OFFSET 0) AS answers",
        settings,
        keeps=(call.split("(")[0],),
    )


def models():
    def users(key, name, ours, asked=None):
        return Measure(key, name, ours, Postgres(RFM_SCORED, SERIAL), "readers, rfm_score, rfm_segment", asked_users=asked)

    yield users("model_layer", "layer_assign(), rfm_eleven", model("layer_assign(t, m.model, DATE :'as_of')", "answer"), 1e6)
    yield users("model_evaluate", "evaluate(), rfm_eleven", model("evaluate(t, m.model, DATE :'as_of')", "(answer).next_change"), 0.5e6)
    yield users("model_distance", "distance(), rfm_eleven", model("distance(t, m.model, 'champions', DATE :'as_of')", "answer"))
    yield users(
        "model_calibrate", "calibrate_agg(), rfm_eleven",
        Postgres(
            "SELECT strata.calibrate_agg(t, m.model, DATE :'as_of') IS NULL"
            " FROM (SELECT ledger AS orders FROM ledgers) AS t, models AS m",
            SERIAL,
            keeps=("calibrate_agg(",),
        ),
    )


def measure(key, name, ours, peer, peer_name="GROUP BY", **more):
    return Measure(key, name, ours, peer, peer_name, **more)


# Data sets beside the plain one: table -> (skew, type of the key). Made when first needed, dropped after the last use.
DATA_SETS = {
    "orders": ("mild", "bigint"),
    "orders_zipf": ("zipf", "bigint"),
    "orders_distinct": ("distinct", "bigint"),
    "orders_text": ("mild", "text"),
    "orders_uuid": ("mild", "uuid"),
}
VARIANTS = {table: key for table, (_, key) in DATA_SETS.items() if table != "orders"}


def variants():
    for table, key_type in VARIANTS.items():
        label = table.removeprefix("orders_")
        yield measure(
            f"aggregate_{label}", f"ledger_agg, {label}", ledger_agg(settings=SERIAL), group_by(SERIAL),
            orders=table, same_answer=True, repeated=False,
        )
        yield measure(
            f"bulk_{label}", f"ledgers(), {label}", ledgers(key_type), group_by(),
            orders=table, same_answer=True, repeated=False,
        )
        yield Cliff(f"cliff_aggregate_{label}", f"ledger_agg, {label} / plain", f"aggregate_{label}", "aggregate_serial")
        yield Cliff(f"cliff_bulk_{label}", f"ledgers(), {label} / plain", f"bulk_{label}", "bulk_parallel", 3.0)


MEASURES = [
    # The aggregate against PostgreSQL's own.
    measure("aggregate_serial", "ledger_agg, serial, UTC", ledger_agg(settings=SERIAL), group_by(SERIAL),
            asked=1.15, same_answer=True),
    measure("aggregate_parallel", "ledger_agg, parallel, UTC", ledger_agg(settings=FORCED_PARALLEL), group_by(FORCED_PARALLEL),
            asked=1.15, same_answer=True),
    measure("aggregate_shanghai", "ledger_agg, serial, Asia/Shanghai", ledger_agg("Asia/Shanghai", SERIAL), group_by(SERIAL),
            asked=1.25, same_answer=True),
    measure("aggregate_shanghai_parallel", "ledger_agg, parallel, Asia/Shanghai", ledger_agg("Asia/Shanghai", FORCED_PARALLEL),
            group_by(FORCED_PARALLEL), asked=1.25, same_answer=True),
    measure("aggregate_spill", "ledger_agg, serial, work_mem 4MB", ledger_agg(settings=SERIAL | spill("4MB")),
            group_by(SERIAL | spill("4MB")), same_answer=True),
    # The bulk builder.
    measure("bulk_serial", "ledgers(), serial", ledgers(settings=SERIAL), group_by(SERIAL), asked=0.45, same_answer=True),
    measure("bulk_parallel", "ledgers(), parallel", ledgers(), group_by(), asked=0.45, same_answer=True),
    measure("bulk_spill", "ledgers(), work_mem 16MB", ledgers(settings=PARALLEL | spill("16MB")),
            group_by(PARALLEL | spill("16MB")), same_answer=True),
    # The main job, from raw orders to a table of named segments.
    measure("rfm_composable", "RFM from building blocks, table", Postgres(file("composable_rfm.sql"), into_table=True),
            Postgres(HANDWRITTEN_RFM, into_table=True), "hand-written"),
    measure("rfm_handwritten", "rfm(), table", rfm(), Postgres(HANDWRITTEN_RFM, into_table=True), "hand-written", asked=0.25),
    measure("rfm_duckdb", "rfm(), table", rfm(), DuckDB(HANDWRITTEN_RFM, into_table=True), "DuckDB", asked=2.0),
    measure("rfm_roundtrip", "rfm(), table", rfm(), DuckDBRoundTrip(HANDWRITTEN_RFM), "DuckDB, export and load back",
            repeated=False),
    # The summary, from raw orders and from stored ledgers.
    measure("summary_handwritten", "rfm_summary()", RFM_SUMMARY, Postgres(HANDWRITTEN_SUMMARY), "hand-written"),
    measure("summary_duckdb", "rfm_summary()", RFM_SUMMARY, DuckDB(HANDWRITTEN_SUMMARY), "DuckDB", asked=1.3, goal=1.0),
    measure("summary_past", "rfm_summary() of a past date, stored ledgers", SUMMARY_FROM_LEDGERS,
            DuckDB(HANDWRITTEN_SUMMARY), "DuckDB", asked=0.5, as_of=PAST),
    # Models.
    *models(),
    # Difficult users and other key types.
    *variants(),
]
