"""Living layers: what a refresh costs, beside what it costs to compute everything anew. Started by run.

These are procedures with state, not statements: a source that captures by triggers, a model (preset rfm_eleven, cuts frozen at
the start) and its members are made once; orders come in, the model is refreshed, the peers compute the same layers from
all orders, and after every round the three answers are compared.
"""

import datetime
import json
import os
import re
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from harness import SCHEMA, Failed, MemoryWatch, psql_seconds
from measures import PARALLEL, SERIAL, SESSION, TODAY, file
from surface import surface_of
from tables import aligned

PARTS = ("living_first", "living_replay", "living_same_day", "living_next_day", "living_capture", "living_queue", "living_growth")
ON_ORDERS = PARTS[:4]  # those that need the source and the model over the section's orders

HANDWRITTEN_LAYERS = file("handwritten_layers.sql")
SETTINGS = SESSION | PARALLEL
NEW_USERS = 50  # one of so many new orders is a new customer's
COPIED = 100_000
INSERTED = {"off": 4_000, "on": 500}  # by fsync; several times a round, for what a disk does changes from second to second
INSERT_TURNS = 4
GROWTH_USERS = 100_000
GROWTH_DAYS = 100
GROWTH_MARKS = (1, 50, 100)
FOUR_TIMES = 4
QUEUE_USERS = (1_000, 10_000, 100_000)
LONG_QUEUE = 1_870_000

# What a production server does at a commit, and what the benchmark's cluster does.
DURABLE = {"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on"}


def day_after(days):
    return str(datetime.date.fromisoformat(TODAY) + datetime.timedelta(days=days))


@dataclass
class Comparison:
    """One line of the report: ours and a peer, rounds of each, in a unit."""

    name: str
    peer_name: str
    asked: float | None = None
    goal: float | None = None
    unit: str = "s"
    ours: list = field(default_factory=list)
    peer: list = field(default_factory=list)
    problem: str | None = None
    peer_problem: str | None = None

    @property
    def ratio(self):
        return median(self.ours) / median(self.peer) if self.ours and self.peer and median(self.peer) else None

    def cells(self):
        def value(rounds, problem):
            if not rounds:
                return problem or "–"
            number = median(rounds)
            return f"{number:.3f} {self.unit}" if number < 10 else f"{number:.1f} {self.unit}"

        spreads = [(max(r) - min(r)) / median(r) for r in (self.ours, self.peer) if len(r) > 1 and median(r)]
        ratio = self.ratio
        return [
            self.name,
            self.peer_name,
            value(self.ours, self.problem),
            value(self.peer, self.peer_problem),
            "–" if ratio is None else f"{ratio:.3f}" if ratio < 0.1 else f"{ratio:.2f}",
            "–" if self.asked is None
            else (f"{self.asked:.3f}" if self.asked < 0.1 else f"{self.asked:.2f}")
            + ("" if self.goal is None else f" (goal {self.goal:.2f})"),
            "–" if self.asked is None or ratio is None else "yes" if ratio <= self.asked else "NO",
            f"{max(spreads):.0%}" if spreads else "–",
        ]


COMPARED = ["measure", "peer", "ours", "peer's", "ratio", "asked", "met", "spread"]
PHASES = ("sync", "find", "write", "index")


@dataclass
class Refreshes:
    """The rounds of one kind of refresh: the seconds that the client saw, and what the refresh says of itself."""

    name: str
    users: int
    new_orders: int
    seconds: list = field(default_factory=list)
    reports: list = field(default_factory=list)

    def add(self, seconds, report):
        self.seconds.append(seconds)
        self.reports.append(report)

    @property
    def costs(self):
        """Microseconds for each user examined."""
        return [s * 1e6 / r["examined"] for s, r in zip(self.seconds, self.reports) if r["examined"]]

    def cells(self):
        def typical(number):
            return median(number(r) for r in self.reports)

        def phase(name):
            found = [r["seconds"][name] for r in self.reports if name in r["seconds"]]
            return median(found) if found else None

        phases = [phase(name) for name in PHASES]
        rest = [s - sum(r["seconds"].get(name, 0) for name in PHASES) for s, r in zip(self.seconds, self.reports)]
        return [
            self.name,
            f"{self.users:,}",
            f"{self.new_orders:,}",
            *(f"{typical(lambda r, key=key: r[key]):,.0f}" for key in ("examined", "new_users", "changed_users", "due_users")),
            f"{typical(lambda r: sum(r['changes'].values())):,.0f}",
            f"{median(self.seconds):.3f}",
            *("–" if p is None else f"{p:.3f}" for p in phases),
            f"{median(rest):.3f}",
            f"{median(self.costs):.1f}" if self.costs else "–",
        ]


REFRESHED = ["refresh", "users", "new orders", "examined", "new", "changed", "due", "moved", "s", *PHASES, "rest", "µs a user"]


@dataclass
class Mark:
    """How large everything is at the end of a day, before anything is vacuumed."""

    day: int
    seconds: float
    tables: dict  # name -> (bytes with indexes, bytes without, rows, dead rows)
    events: int
    catalog: int

    def cells(self):
        def table(name):
            size, _, rows, dead = self.tables[name]
            return f"{size / 1e6:.2f} MB, {rows:,} + {dead:,} dead"

        return [str(self.day), f"{self.seconds:.3f}", *map(table, GROWING), f"{self.catalog / 1e6:.1f} MB"]


GROWING = ("members", "history", "ledger", "queue", "changes")
GREW = ["day", "refresh s", *GROWING, "pg_catalog"]


@dataclass
class LivingSection:
    started: str
    load: str
    command: str
    comparisons: list = field(default_factory=list)
    refreshes: list = field(default_factory=list)
    marks: list = field(default_factory=list)
    notes: list = field(default_factory=list)


def tables(section):
    parts = []
    if section.comparisons:
        parts.append(aligned(COMPARED, [c.cells() for c in section.comparisons]))
    if section.refreshes:
        parts.append("Refreshes: medians of the rounds; seconds as the client sees them and by phase.")
        parts.append(aligned(REFRESHED, [r.cells() for r in section.refreshes if r.reports], left=(0,)))
    if section.marks:
        parts.append("Growth over daily refreshes: sizes with indexes, live and dead rows at the end of the day.")
        parts.append(aligned(GREW, [m.cells() for m in section.marks], left=()))
    if section.notes:
        parts.append("\n".join(f"- {note}" for note in section.notes))
    return "\n\n".join(parts)


def heading(size):
    return f"## Living layers, {size} orders"


def markdown(section, size):
    return "\n".join([
        heading(size), "",
        f"Written by `{section.command}`, {section.started}, load of the machine before the start {section.load}.", "",
        tables(section), "",
    ])


def literal(text):
    return "'" + text.replace("'", "''") + "'"


@dataclass
class Followed:
    """A table of orders with a source and a model over it."""

    table: str
    source: str
    model: str
    orders: int  # those that were there when it was set up
    definition: str = ""  # with the cuts
    users: int = 0
    added: int = 0
    day: str | None = None  # of the last refresh


class Living:
    """The measures of one size, over the orders that are in the schema already."""

    def __init__(self, server, duck, generate, say, orders, rounds, only, command):
        self.server, self.duck, self.generate, self.say = server, duck, generate, say
        self.surface = surface_of(server)
        self.orders, self.rounds = orders, rounds
        self.shop = Followed("orders", "bench_orders", "bench_rfm", orders)
        self.parts = [part for part in PARTS if not only or only in part]
        self.new_orders = max(orders // 1000, 1)
        self.same = None
        self.failures = 0
        self.section = LivingSection(
            datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M UTC"), f"{os.getloadavg()[0]:.2f}", command
        )

    # The procedure.

    def measure(self, four_times):
        try:
            self.server.value("SELECT 'strata.refresh(text, date, boolean)'::regprocedure")
        except Failed as failed:
            self.section.notes.append(f"not available: {failed}")
            return self.section
        self.clear()
        if any(part in self.parts for part in ON_ORDERS):
            self.step(self.set_up, self.shop)
            for part, method in zip(ON_ORDERS, (self.first, self.replay, self.same_day, self.next_day)):
                if part in self.parts:
                    self.step(method)
            if four_times and "living_same_day" in self.parts:
                self.step(self.four_times)
            self.clear()
        if "living_capture" in self.parts:
            self.step(self.capture)
        if "living_queue" in self.parts:
            self.step(self.queue)
        if "living_growth" in self.parts:
            self.step(self.growth)
        self.clear()
        return self.section

    def step(self, method, *arguments):
        """One part; where it fails, the others are still measured."""
        shown = len(self.section.comparisons)
        try:
            method(*arguments)
        except Failed as failed:
            if failed.not_available:
                self.section.notes.append(f"{method.__name__.replace('_', ' ')}: not available ({failed})")
            else:
                self.fail(f"{method.__name__.replace('_', ' ')}: {failed}")
        for comparison in self.section.comparisons[shown:]:
            self.say(" | ".join(comparison.cells()[:7]))

    def fail(self, problem):
        self.failures += 1
        self.section.notes.append(f"FAILED {problem}")
        self.say(f"living layers, {problem}")

    def clear(self):
        """Nothing registered by a run before this one, finished or not, is left."""
        if not self.server.value(f"SELECT to_regclass('{self.surface.registry}')"):
            return
        for names, drop in (self.surface.models, "drop_model"), (self.surface.sources, "drop_source"):
            found = self.server.value(f"SELECT name FROM ({names}) AS registered WHERE name LIKE 'bench\\_%'").split()
            drops = "".join(f"SELECT strata.{drop}('{name}');\n" for name in found)
            self.server.run(self.server.session({"client_min_messages": "warning"}) + drops)

    def add_source(self, name, table):
        return self.timed(
            f"SELECT FROM strata.add_source('{name}', '{table}', 'customer_id', 'ordered_at', 'amount', time_zone => 'UTC');\n"
        )

    def set_up(self, shop):
        """The source, and the model with the cuts that it has from now on; not refreshed yet."""
        self.say(f"adding the source and the model over {shop.orders:,} orders …")
        self.server.run(self.server.session(SETTINGS) + f"ALTER TABLE {shop.table} ADD PRIMARY KEY (order_id);\n")
        seconds = self.add_source(shop.source, shop.table)
        self.create_model(shop, "strata.preset('rfm_eleven')")
        self.server.value(f"SELECT strata.calibrate('{shop.model}', DATE '{TODAY}')")
        shop.definition = self.server.value(self.surface.definition.format(name=shop.model))
        self.make_model(shop)
        shop.users = int(self.server.value(f"SELECT count(*) FROM {shop.source}_ledger"))
        self.server.run(f"VACUUM (ANALYZE) {SCHEMA}.{shop.source}_ledger;\n")
        self.section.notes.append(
            f"{shop.table}: {shop.orders:,} orders of {shop.users:,} users; add_source, which counts them, took {seconds:.2f} s"
        )

    def create_model(self, shop, definition):
        self.server.value(f"SELECT strata.create_model('{shop.model}', {definition}, '{{\"orders\": \"{shop.source}\"}}')")

    def make_model(self, shop):
        """The model anew, with its cuts, and never refreshed."""
        self.server.value(f"SELECT strata.drop_model('{shop.model}')")
        self.create_model(shop, f"{literal(shop.definition)}::strata.model")
        shop.day = None

    def timed(self, script, settings=SETTINGS):
        """Seconds of all statements of a script, in a session of its own, after a checkpoint."""
        self.server.checkpoint()
        return psql_seconds(self.server.run(self.server.session(settings) + f"\\timing on\n{script}"))

    def refresh(self, shop, day):
        """Seconds and report of a refresh in a session of its own, as a scheduled job has it."""
        self.server.checkpoint()
        call = f"SELECT to_json(r) FROM strata.refresh('{shop.model}', DATE '{day}') AS r"
        seconds, answer, _ = self.server.time(call, SETTINGS)
        shop.day = day
        return seconds, json.loads(answer)

    def first_refresh(self, shop):
        answer = self.refresh(shop, TODAY)
        self.server.run(f"VACUUM (ANALYZE) {SCHEMA}.{shop.model}_members, {SCHEMA}.{shop.model}_history;\n")
        return answer

    def order(self, shop, day, number):
        """New orders: customers and amounts like those of orders that there are, and now and then a new customer."""
        first = shop.orders + shop.added
        shop.added += number
        self.server.run(
            self.server.session(SESSION | SERIAL)
            + f"INSERT INTO {shop.table} (order_id, customer_id, ordered_at, amount)\n"
            f"SELECT {first} + n, CASE n % {NEW_USERS} WHEN 0 THEN {first} + n ELSE o.customer_id END,\n"
            f"       TIMESTAMPTZ '{day} 00:00+00' + n * 86399.0 / {number} * interval '1 second', o.amount\n"
            f"FROM generate_series(1, {number}) AS n JOIN {shop.table} AS o\n"
            f"     ON o.order_id = 1 + (hashint8extended(n, {first}) & 9007199254740991) % {shop.orders};\n"
        )
        return first

    # A refresh beside its peers.

    SIZES = (
        "SELECT string_agg(layer || ' ' || users, ', ' ORDER BY layer)"
        " FROM (SELECT layer, count(*) AS users FROM {} GROUP BY layer) AS l"
    )

    def layers_query(self, day):
        """The same layers from all orders, for PostgreSQL and DuckDB."""
        scores = json.loads(self.shop.definition)["calibration"]["scores"]
        sql = HANDWRITTEN_LAYERS.replace(":'as_of'", f"'{day}'")
        for score, found in scores.items():
            for number, cut in enumerate(found["cuts"], 1):
                sql = sql.replace(f":{score}_cut_{number}", "NULL" if cut is None else str(cut))
        return sql

    def handwritten(self, day):
        self.server.checkpoint()
        seconds, _, _ = self.server.time(f"CREATE TABLE handwritten_layers AS {self.layers_query(day)}", SETTINGS)
        sizes = self.server.value(self.SIZES.format("handwritten_layers"))
        self.server.run(f"DROP TABLE {SCHEMA}.handwritten_layers;\n")
        return seconds, sizes

    def duckdb(self, day):
        self.duck.execute("DROP TABLE IF EXISTS layers; CHECKPOINT")
        seconds, _ = self.duck.execute(f"CREATE TABLE layers AS {self.layers_query(day)}")
        return seconds, self.duck.execute(self.SIZES.format("layers"))[1]

    def duckdb_ready(self, comparison):
        """DuckDB's own copy of the orders, which follows; False where there is no DuckDB."""
        if self.duck.missing:
            comparison.peer_problem = "not available"
            return False
        if self.duck.loaded != f"{SCHEMA}.orders, living":
            self.duck.load(self.server, f"{SCHEMA}.orders")
            self.duck.loaded = f"{SCHEMA}.orders, living"
        self.duckdb(TODAY)
        return True

    def beside_peers(self, name, days, asked_handwritten, asked_duckdb):
        handwritten = Comparison(name, "hand-written, all orders", asked_handwritten)
        duckdb = Comparison(name, "DuckDB, all orders", asked_duckdb)
        refreshes = Refreshes(name, self.shop.users, self.new_orders)
        self.section.comparisons += [duckdb, handwritten]
        self.section.refreshes.append(refreshes)
        if self.shop.day is None:
            self.first_refresh(self.shop)
        with_duck = self.duckdb_ready(duckdb)
        for number, day in enumerate(days):
            first = self.order(self.shop, day, self.new_orders)
            if with_duck:
                self.duck.append(self.server, f"(SELECT * FROM {SCHEMA}.orders WHERE order_id > {first})")
            answers = {}
            sides = ["ours", "duckdb", "handwritten"] if with_duck else ["ours", "handwritten"]
            for side in sides if number % 2 == 0 else reversed(sides):
                if side == "ours":
                    seconds, report = self.refresh(self.shop, day)
                    refreshes.add(seconds, report)
                    duckdb.ours.append(seconds)
                    handwritten.ours.append(seconds)
                    answers[side] = self.server.value(self.SIZES.format("bench_rfm_members"))
                else:
                    seconds, answers[side] = getattr(self, side)(day)
                    (duckdb if side == "duckdb" else handwritten).peer.append(seconds)
            self.vacuum_small(self.shop.source)
            if len(set(answers.values())) > 1:
                raise Failed(f"answers of {day} differ: {answers}")
        return refreshes

    def vacuum_small(self, source):
        """What autovacuum would have done meanwhile: these two are emptied by every refresh."""
        self.server.run(f"VACUUM {SCHEMA}.{source}_queue, {SCHEMA}.{source}_changes;\n")

    def same_day(self):
        self.same = self.beside_peers("refresh, same day", [TODAY] * self.rounds, 1 / 30, 0.3)

    def next_day(self):
        following = self.beside_peers("refresh, next day", [day_after(n) for n in range(1, self.rounds + 1)], None, 1.0)
        if self.same:
            self.section.comparisons.append(Comparison(
                "a user examined, next day", "a user examined, same day", 1.0, unit="µs",
                ours=following.costs, peer=self.same.costs,
            ))

    def four_times(self):
        """The same changes, four times the users: both shops side by side."""
        large = Followed("orders_4x", "bench_orders_4x", "bench_rfm_4x", FOUR_TIMES * self.orders)
        self.duck.stop()
        self.say(f"generating {large.orders:,} orders …")
        self.generate(large.table, large.orders)
        self.set_up(large)
        first = Refreshes("first refresh, 4x users", large.users, 0)
        first.add(*self.first_refresh(large))
        sides = [
            (shop, Refreshes(f"refresh, same day, {times}x users", shop.users, self.new_orders))
            for shop, times in ((self.shop, 1), (large, FOUR_TIMES))
        ]
        self.section.refreshes += [first, *(refreshes for _, refreshes in sides)]
        for number in range(max(self.rounds, 5)):
            for shop, refreshes in sides if number % 2 == 0 else reversed(sides):
                self.order(shop, shop.day, self.new_orders)
                refreshes.add(*self.refresh(shop, shop.day))
                self.vacuum_small(shop.source)
        (_, small), (_, large) = sides
        self.section.comparisons.append(Comparison(large.name, small.name, 1.3, ours=large.seconds, peer=small.seconds))

    # Everyone at once.

    def first(self):
        """The first refresh beside the evaluation of everyone into a table like the members, and one like the history."""
        members = Comparison("first refresh", "evaluate() into a table like members", 1.5)
        both = Comparison("first refresh", "… and one like history")
        refreshes = Refreshes("first refresh", self.shop.users, 0)
        self.section.comparisons += [members, both]
        self.section.refreshes.append(refreshes)
        for number in range(self.rounds):
            for side in ("ours", "peer") if number % 2 == 0 else ("peer", "ours"):
                if side == "ours":
                    self.make_model(self.shop)
                    seconds, report = self.first_refresh(self.shop)
                    refreshes.add(seconds, report)
                    members.ours.append(seconds)
                    both.ours.append(seconds)
                    answer = self.server.value(self.SIZES.format("bench_rfm_members"))
                else:
                    seconds, history = self.evaluate_into_tables()
                    members.peer.append(seconds)
                    both.peer.append(seconds + history)
                    expected = self.server.value(self.SIZES.format("evaluated_members"))
                    self.server.run(f"DROP TABLE {SCHEMA}.evaluated_members, {SCHEMA}.evaluated_history;\n")
            if answer != expected:
                raise Failed(f"answers differ: {answer}; {expected}")

    def evaluate_into_tables(self):
        self.server.run(
            self.server.session({})
            + "CREATE TABLE evaluated_members (user_id bigint NOT NULL, layer text, layers text[], scores smallint[],"
            " since date NOT NULL, next_change date) WITH (fillfactor = 80, autovacuum_enabled = false);\n"
            "CREATE TABLE evaluated_history (change_id bigint GENERATED ALWAYS AS IDENTITY, user_id bigint NOT NULL,"
            " valid_from date NOT NULL, layer text, cause text NOT NULL, version integer NOT NULL,"
            " recorded_at timestamptz NOT NULL DEFAULT now());\n"
        )
        members = self.timed(
            "INSERT INTO evaluated_members SELECT user_id, (e).layer, (e).layers, (e).scores, DATE '{0}', (e).next_change\n"
            "FROM (SELECT t.user_id, strata.evaluate(f, {1}::strata.model, DATE '{0}') AS e\n"
            "      FROM bench_orders_ledger AS t CROSS JOIN LATERAL (SELECT t.ledger AS orders) AS f OFFSET 0) AS evaluated;\n"
            "ALTER TABLE evaluated_members ADD PRIMARY KEY (user_id);\n"
            "CREATE INDEX ON evaluated_members (next_change);\n".format(TODAY, literal(self.shop.definition))
        )
        history = self.timed(
            "INSERT INTO evaluated_history (user_id, valid_from, layer, cause, version)\n"
            f"SELECT user_id, DATE '{TODAY}', layer, 'backfill', 1 FROM evaluated_members WHERE layer IS NOT NULL;\n"
            "ALTER TABLE evaluated_history ADD PRIMARY KEY (user_id, valid_from, change_id);\n"
            "CREATE INDEX ON evaluated_history USING brin (change_id) WITH (pages_per_range = 32);\n"
        )
        return members, history

    REPLAYED = (
        "SELECT string_agg(layer || ' ' || users, ', ' ORDER BY day, layer) FROM {} AS r"
        " WHERE day IN (DATE '{}', DATE '{}') AND users > 0"
    )

    def replay(self):
        """A year of daily layers for everyone, beside one day."""
        comparison = Comparison("replay(), 365 days, one core", "evaluate() once, one core", 30, 12)
        self.section.comparisons.append(comparison)
        days = day_after(-364), TODAY
        replayed = f"strata.replay('bench_rfm', DATE '{days[0]}', DATE '{days[1]}', 1)"
        evaluated = (
            "SELECT count(layer), count(next_change) FROM (SELECT (e).layer, (e).next_change FROM (SELECT strata.evaluate(f,"
            f" {literal(self.shop.definition)}::strata.model, DATE '{TODAY}') AS e FROM bench_orders_ledger AS t"
            " CROSS JOIN LATERAL (SELECT t.ledger AS orders) AS f OFFSET 0) AS evaluated OFFSET 0) AS answers"
        )
        for number in range(self.rounds):
            comparison.peer.append(self.server.time(evaluated, SESSION | SERIAL)[0])
            if number == 0 or comparison.ours[0] < 5:
                seconds, answer, _ = self.server.time(self.REPLAYED.format(replayed, *days), SESSION | SERIAL)
                comparison.ours.append(seconds)
        expected = ", ".join(self.handwritten(day)[1] for day in days)
        if answer != expected:
            raise Failed(f"the first and the last day replayed differ from the layers of those days: {answer}; {expected}")

    # Capture.

    def capture(self):
        rows = Path(self.duck.directory) / "capture.csv"
        self.server.run(
            self.server.session({"TimeZone": "UTC"})
            + f"\\copy (SELECT customer_id, ordered_at, amount FROM orders WHERE order_id <= {COPIED} ORDER BY order_id)"
            f" TO '{rows}' (FORMAT csv)\n"
        )
        columns = (
            "(order_id bigint GENERATED ALWAYS AS IDENTITY{}, customer_id bigint NOT NULL, ordered_at timestamptz NOT NULL,"
            " amount numeric(12, 2) NOT NULL) WITH (autovacuum_enabled = false)"
        )
        try:
            for table, key in (("bare", ""), ("keyed", " PRIMARY KEY")):
                for side in ("plain", "captured"):
                    self.server.value(f"CREATE TABLE {side}_{table} {columns.format(key)}")
                self.add_source(f"bench_{table}", f"captured_{table}")
            self.capture_with("fsync and synchronous_commit off", rows, "off", None)
            self.switch(DURABLE)
            self.capture_with("fsync and synchronous_commit on", rows, "on", 1.15)
        finally:
            self.switch({name: None for name in DURABLE})
            rows.unlink()
        self.clear()

    def switch(self, settings):
        """Settings of the whole server; None: back to what they were."""
        changes = (
            f"ALTER SYSTEM SET {name} = '{value}';\n" if value else f"ALTER SYSTEM RESET {name};\n"
            for name, value in settings.items()
        )
        self.server.administer("".join(changes) + "SELECT pg_reload_conf();\n")
        # the signal takes a moment to arrive
        for name, value in settings.items():
            for _ in range(50):
                if value is None or self.server.value(f"SHOW {name}") == value:
                    break
                time.sleep(0.1)
            else:
                raise Failed(f"{name} cannot be switched")

    def capture_with(self, label, rows, fsync, asked_insert):
        copies = {
            "bare": Comparison(f"COPY of {COPIED:,} rows, {label}", "no triggers; no index", 1.3),
            "keyed": Comparison(f"COPY of {COPIED:,} rows, {label}", "no triggers; primary key", 1.3),
        }
        inserts = Comparison(f"INSERT with commit, {label}", "no triggers; primary key", asked_insert, unit="ms")
        self.section.comparisons += [*copies.values(), inserts]

        def copy(side, table):
            target = f"{SCHEMA}.{'captured' if side == 'ours' else 'plain'}_{table}"
            getattr(copies[table], side).append(
                self.timed(f"\\copy {target} (customer_id, ordered_at, amount) FROM '{rows}' (FORMAT csv)\n", {})
            )

        def insert(side):
            table = f"{SCHEMA}.{'captured' if side == 'ours' else 'plain'}_keyed"
            getattr(inserts, side).append(self.insert(table, INSERTED[fsync]))

        def sides(number):
            return ("ours", "peer") if number % 2 == 0 else ("peer", "ours")

        for number in range(self.rounds):
            for table in copies:
                for side in sides(number):
                    copy(side, table)
                for turn in range(INSERT_TURNS if table == "keyed" else 0):
                    for side in sides(turn):
                        insert(side)
                self.server.value(f"SELECT strata.sync('bench_{table}')")
                self.vacuum_small(f"bench_{table}")

    def insert(self, target, number):
        """Milliseconds of one INSERT and its commit, by a prepared statement of one client."""
        script = Path(self.duck.directory) / "insert.sql"
        script.write_text(
            "\\set customer random(1, 100000)\n"
            f"INSERT INTO {target} (customer_id, ordered_at, amount) VALUES (:customer, now(), 36.60);\n"
        )
        pgbench = Path(self.server.psql).with_name("pgbench")
        self.server.checkpoint()
        try:
            done = subprocess.run(
                [str(pgbench), "-n", "-M", "prepared", "-c", "1", "-t", str(number), "-f", str(script)],
                capture_output=True, text=True, env=self.server.environment,
            )
        except OSError as error:
            raise Failed(f"no pgbench ({error})", not_available=True) from error
        found = re.search(r"latency average = ([\d.]+) ms", done.stdout)
        if done.returncode != 0 or not found:
            raise Failed(done.stderr.strip() or "pgbench says nothing")
        return float(found[1])

    # The queue.

    def queue(self):
        """Syncs of a queue with one row for each user, of few and of many users, and of a long one. Nothing is ever analysed:
        ledgers that came by capture alone are new to the planner."""
        costs = {users: self.queue_costs(users) for users in QUEUE_USERS}
        for few, many in zip(QUEUE_USERS, QUEUE_USERS[1:]):
            self.section.comparisons.append(Comparison(
                f"a row of a sync, {many:,} users", f"{few:,} users", 1.3, unit="µs", ours=costs[many], peer=costs[few]
            ))
        self.long_queue()

    def came(self, table, users, number):
        """New rows, whoever has any: they are of users 1 to `users`, in turn."""
        self.server.run(
            self.server.session(SESSION | SERIAL)
            + f"INSERT INTO {table} SELECT 1 + n % {users}, TIMESTAMPTZ '{TODAY} 00:00+00' - (n % 365) * interval '1 day', 36.60"
            f" FROM generate_series(1, {number}) AS n;\n"
        )

    def queued(self, name):
        self.server.run(
            self.server.session({})
            + f"CREATE TABLE {name}_orders (customer_id bigint NOT NULL, ordered_at timestamptz NOT NULL, amount numeric(12, 2))"
            " WITH (autovacuum_enabled = false);\n"
        )
        self.add_source(name, f"{name}_orders")

    def queue_costs(self, users):
        """Microseconds of a sync for each row of it."""
        name = f"bench_queue_{users}"
        self.queued(name)
        self.came(f"{name}_orders", users, 10 * users)
        self.server.value(f"SELECT strata.sync('{name}')")
        costs = []
        for _ in range(self.rounds):
            self.came(f"{name}_orders", users, users)
            costs.append(self.timed(f"SELECT strata.sync('{name}');\n", SERIAL) * 1e6 / users)
            self.server.run(f"VACUUM {SCHEMA}.{name}_queue;\n")
        return costs

    def long_queue(self):
        name = "bench_queue_long"
        self.queued(name)
        users = QUEUE_USERS[-1]
        peaks = {}
        for number in (LONG_QUEUE // 5, LONG_QUEUE):
            self.came(f"{name}_orders", users, number)
            before = int(self.server.value(f"SELECT pg_table_size('{name}_queue')"))
            seconds, high_water, peaks[number] = self.sync_with_memory(name)
            after = int(self.server.value(f"SELECT pg_table_size('{name}_queue')"))
            self.server.run(f"VACUUM {SCHEMA}.{name}_queue;\n")
            emptied = int(self.server.value(f"SELECT pg_table_size('{name}_queue')"))
            self.section.notes.append(
                f"sync of {number:,} queued rows of {users:,} users: {seconds:.2f} s; memory of the backend at most"
                f" {peaks[number] / 2**20:.0f} MB of its own, {high_water / 2**20:.0f} MB (VmHWM) with shared buffers; the queue's heap"
                f" {before / 2**20:.0f} MB before, {after / 2**20:.0f} MB after, {emptied / 2**20:.1f} MB once vacuumed"
            )
        few, many = peaks
        self.section.comparisons.append(Comparison(
            f"memory of a sync of {many:,} rows", f"{few:,} rows", 1.3, unit="MB",
            ours=[peaks[many] / 2**20], peer=[peaks[few] / 2**20],
        ))

    def sync_with_memory(self, name):
        """Seconds, the greatest resident memory, and how much of it was the backend's own."""
        self.server.checkpoint()
        with MemoryWatch(self.server.backends) as memory:
            output = self.server.run(
                self.server.session({})
                + "SELECT pg_backend_pid() AS pid \\gset\n\\setenv STRATA_BACKEND :pid\n"
                + f"\\timing on\nSELECT strata.sync('{name}');\n\\timing off\n"
                + "\\! grep VmHWM /proc/$STRATA_BACKEND/status\n"
            )
        high_water = re.search(r"VmHWM:\s+(\d+) kB", output)
        return psql_seconds(output), int(high_water[1]) * 1024 if high_water else 0, memory.peak or 0

    # Growth.

    def growth(self):
        """Daily refreshes, and what they leave."""
        users = min(GROWTH_USERS, self.orders // 10)
        daily = users // 100
        shop = Followed("growth_orders", "bench_growth", "bench_daily", users * 10)
        self.say(f"{GROWTH_DAYS} daily refreshes of {users:,} users …")
        self.generate(shop.table, shop.orders)
        self.set_up(shop)
        self.first_refresh(shop)
        self.vacuum_like_autovacuum()
        early, late = (
            Refreshes(f"refresh, next day, days {first} to {first + 9}", shop.users, daily) for first in (1, GROWTH_DAYS - 9)
        )
        self.section.refreshes += [early, late]
        marks = self.section.marks = []
        for day in range(1, GROWTH_DAYS + 1):
            self.order(shop, day_after(day), daily)
            seconds, report = self.refresh(shop, day_after(day))
            if day <= 10:
                early.add(seconds, report)
            elif day > GROWTH_DAYS - 10:
                late.add(seconds, report)
            if day in GROWTH_MARKS:
                marks.append(self.mark(shop, day, seconds))
            self.vacuum_like_autovacuum()
        self.section.comparisons.append(Comparison(
            f"refresh of a day, {late.name.split(', ')[-1]}", early.name.split(", ")[-1], ours=late.seconds, peer=early.seconds
        ))
        differing = self.server.value(f"SELECT count(*) FROM strata.verify('{shop.source}')")
        if differing != "0":
            raise Failed(f"verify finds {differing} users whose ledgers are not what the orders say")
        self.compare_marks(*marks[-2:])
        self.clear()

    def vacuum_like_autovacuum(self):
        """Autovacuum's rule, applied at the end of every day, for a year passes here in minutes; catalogs are tables, too."""
        self.server.administer(
            "SELECT format('VACUUM (ANALYZE) %s', c.oid::regclass)\n"
            "FROM pg_stat_all_tables AS s JOIN pg_class AS c ON c.oid = s.relid\n"
            "WHERE c.relkind IN ('r', 'm') AND s.relid <> 'pg_statistic'::regclass AND c.relpersistence = 'p'\n"
            "  AND (s.n_dead_tup > 50 + 0.2 * greatest(c.reltuples, 0)\n"
            "       OR s.n_ins_since_vacuum > 1000 + 0.2 * greatest(c.reltuples, 0)\n"
            "       OR s.n_mod_since_analyze > 50 + 0.1 * greatest(c.reltuples, 0))\n"
            "\\gexec\n"
        )

    def mark(self, shop, day, seconds):
        tables = {}
        for name in GROWING:
            table = f"{shop.model if name in ('members', 'history') else shop.source}_{name}"
            tables[name] = tuple(map(int, self.server.value(
                f"SELECT pg_total_relation_size('{table}'), pg_table_size('{table}'), (SELECT count(*) FROM {table}), n_dead_tup"
                f" FROM pg_stat_user_tables WHERE relid = '{table}'::regclass"
            ).split("|")))
        events = self.server.value(f"SELECT sum(strata.frequency(ledger, DATE '2100-01-01')) FROM {shop.source}_ledger")
        catalog = self.server.value(
            "SELECT sum(pg_total_relation_size(oid)) FROM pg_class"
            " WHERE relkind = 'r' AND relnamespace = 'pg_catalog'::regnamespace"
        )
        return Mark(day, seconds, tables, int(events), int(catalog))

    def compare_marks(self, before, after):
        def add(name, number, unit, asked=1.1):
            self.section.comparisons.append(Comparison(
                f"{name}, day {after.day}", f"day {before.day}", asked, unit=unit, ours=[number(after)], peer=[number(before)]
            ))

        def each(name, column, count=None):
            return lambda mark: mark.tables[name][column] / (mark.tables[name][2] if count is None else count(mark))

        add("members with indexes", each("members", 0), "B a user")
        add("history without indexes", each("history", 1), "B a change")
        add("history with indexes", each("history", 0), "B a change", None)
        add("ledgers with index", each("ledger", 0, lambda mark: mark.events), "B an event")
        add("queue", each("queue", 0, lambda _: 1e6), "MB")
        add("changes", each("changes", 0, lambda _: 1e6), "MB")
        add("system catalogs", lambda mark: mark.catalog / 1e6, "MB")
