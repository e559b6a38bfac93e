"""The engines behind bench/run: PostgreSQL through psql, DuckDB through its worker, and the eye on their memory."""

import json
import os
import re
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

BENCH = Path(__file__).parent
PAGE = os.sysconf("SC_PAGE_SIZE")
SCHEMA = "strata_bench"


class Failed(Exception):
    """A statement that ended in an error; not_available where it is one of a function that does not exist."""

    def __init__(self, message, not_available=False):
        super().__init__(message)
        self.not_available = not_available


def private_bytes(pid):
    """Memory of a process that it shares with nobody, so without PostgreSQL's shared buffers; 0 once it has gone."""
    try:
        resident, shared = Path(f"/proc/{pid}/statm").read_text().split()[1:3]
        return (int(resident) - int(shared)) * PAGE
    except (OSError, ValueError):
        return 0


class MemoryWatch:
    """Peak private memory, of all the processes together, during a with block; None where /proc cannot be read."""

    def __init__(self, pids):
        self.pids = pids
        self.peak = None
        self.stop = threading.Event()
        self.thread = threading.Thread(target=self.watch, daemon=True)

    def watch(self):
        while True:
            total = sum(private_bytes(pid) for pid in self.pids())
            if total:
                self.peak = max(self.peak or 0, total)
            if self.stop.wait(0.02):
                return

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stop.set()
        self.thread.join()


class Server:
    """A throwaway PostgreSQL cluster, named by an environment: by default that of this process. What is measured runs as its
    ordinary user, as it would in a warehouse; only what needs a superuser runs as one."""

    def __init__(self, environment=None):
        environment = os.environ if environment is None else os.environ | environment
        directory = environment.get("STRATA_PGBIN")
        self.psql = str(Path(directory) / "psql") if directory else shutil.which("psql")
        if not self.psql:
            sys.exit("bench: no psql; start the benchmark with `make bench`")
        self.environment = dict(environment, PGOPTIONS="", PGAPPNAME="strata bench")
        self.superuser = dict(self.environment, PGUSER=environment.get("STRATA_PGSUPERUSER") or environment.get("PGUSER", ""))
        self.titles = {}
        try:
            self.postmaster = self.find_postmaster()
        except Failed as failed:
            sys.exit(f"bench: no server ({failed}); start the benchmark with `make bench`")

    def run(self, script, *arguments, environment=None):
        done = subprocess.run(
            [self.psql, "-XAtq", "-v", "ON_ERROR_STOP=1", "-v", "VERBOSITY=verbose", *arguments, "-f", "-"],
            input=script, capture_output=True, text=True, env=environment or self.environment,
        )
        if done.returncode != 0:
            message = done.stderr.strip()
            state = re.search(r"(?:ERROR|FATAL):  (\w{5}): (.*)", message)
            missing = bool(state) and (
                (state[1] in ("42883", "3F000", "42704") and "strata" in message)  # function, schema, type
                or (state[1] == "42P01" and '"ledgers"' in message)  # the table that a missing function could not fill
            )
            raise Failed(state[2] if state else message or "psql failed", missing)
        return done.stdout

    def administer(self, script):
        """What only a superuser may do."""
        return self.run(script, environment=self.superuser)

    def checkpoint(self):
        """Precedes everything that is timed."""
        self.administer("CHECKPOINT;\n")

    def value(self, sql):
        return self.run(f"SET search_path = {SCHEMA}, public;\n{sql};\n").strip()

    def prepare(self, say):
        """An empty schema, and the extensions; nothing of a run before this one is left."""
        self.administer(
            "SET client_min_messages = warning;\nDROP EXTENSION IF EXISTS pg_strata CASCADE;\n"
            f"DROP SCHEMA IF EXISTS {SCHEMA} CASCADE;\n"
        )
        for extension, run in (("pg_prewarm", self.administer), ("pg_strata", self.run)):
            try:
                run(f"SET client_min_messages = warning;\nCREATE EXTENSION IF NOT EXISTS {extension};\n")
            except Failed as failed:
                say(f"extension {extension} is not available ({failed})")
        self.run(f"CREATE SCHEMA {SCHEMA};\n")

    def generate(self, table, orders, skew, key):
        """Makes a table of orders; seconds."""
        start = time.perf_counter()
        script = f"SET search_path = {SCHEMA}, public;\n\\i {BENCH / 'generate.sql'}\n"
        self.run(script, "-v", f"orders={orders}", "-v", f"table={table}", "-v", f"skew={skew}", "-v", f"key={key}")
        self.warm(table)
        return time.perf_counter() - start

    def warm(self, table):
        try:
            self.value(f"SELECT pg_prewarm('{table}')")
        except Failed:
            self.value(f"SELECT count(*) FROM {table}")

    def find_postmaster(self):
        answer = self.administer("SELECT split_part(pg_read_file('postmaster.pid'), E'\\n', 1);\n")
        return int(answer)

    def backends(self):
        """Processes of client sessions and of their parallel workers; the benchmark's is the only session."""
        if self.postmaster is None:
            return []
        try:
            children = Path(f"/proc/{self.postmaster}/task/{self.postmaster}/children").read_text().split()
        except OSError:
            return []
        found = []
        for pid in children:
            if pid not in self.titles:
                try:
                    title = Path(f"/proc/{pid}/cmdline").read_bytes()
                except OSError:
                    continue
                if b"[local]" not in title and b"parallel worker" not in title:
                    if b"postgres: " in title and b"startup" not in title:
                        self.titles[pid] = False
                    continue
                self.titles[pid] = True
            if self.titles[pid]:
                found.append(pid)
        return found

    def session(self, settings):
        lines = [f"SET search_path = {SCHEMA}, public;"]
        lines += [f"SET {name} = '{value}';" for name, value in settings.items()]
        return "\n".join(lines) + "\n"

    def explain(self, sql, settings):
        """The plan: its shape in one line, and every expression that it computes."""
        answer = self.run(self.session(settings) + f"EXPLAIN (VERBOSE, FORMAT JSON) {sql};\n")
        top = json.loads(answer)[0]["Plan"]
        shape, outputs = [], []

        def walk(node, depth=0):
            label = node["Node Type"]
            if label == "Aggregate":
                label = {"Hashed": "HashAggregate", "Sorted": "GroupAggregate", "Mixed": "MixedAggregate"}.get(
                    node.get("Strategy"), "Aggregate")
                mode = node.get("Partial Mode", "Simple")
                label = label if mode == "Simple" else f"{mode} {label}"
            if node.get("Function Name"):
                label += f" {node['Function Name']}"
            shape.append(label)
            outputs.extend(node.get("Output", []))
            for child in node.get("Plans", []):
                walk(child, depth + 1)

        walk(top)
        return " < ".join(shape), " ".join(outputs)

    def time(self, sql, settings, into=None):
        """Seconds, first value of the answer and peak memory of one run, in a session of its own."""
        statement = f"CREATE TABLE {into} AS {sql}" if into else sql
        after = f"DROP TABLE {into};\n" if into else ""
        if into:
            self.run(f"SET client_min_messages = warning;\nDROP TABLE IF EXISTS {SCHEMA}.{into};\n")
            self.checkpoint()
        script = (
            self.session(settings)
            # Planning it once loads the library and the catalog caches, for both sides alike.
            + f"\\o /dev/null\nEXPLAIN {statement};\n\\o\n"
            + f"\\echo answer\n\\timing on\n{statement};\n\\timing off\n{after}"
        )
        with MemoryWatch(self.backends) as memory:
            output = self.run(script)
        answer = output.split("answer\n", 1)[1].splitlines()
        times = [line for line in answer if line.startswith("Time: ")]
        seconds = float(times[0].split()[1]) / 1000
        first = answer[0].split("|")[0] if not answer[0].startswith("Time: ") else None
        return seconds, first, memory.peak


class Duck:
    """DuckDB on a native copy of the orders, in a process of its own; absent where the package cannot be had."""

    def __init__(self, directory):
        self.directory = Path(directory)
        self.process = None
        self.loaded = None
        self.missing = None
        python = BENCH / ".venv" / "bin" / "python"
        probe = [str(python), "-c", "import duckdb; print(duckdb.__version__)"]
        try:
            if not python.exists():
                print("bench: making bench/.venv for the Python package duckdb …", flush=True)
                subprocess.run([sys.executable, "-m", "venv", str(BENCH / ".venv")], check=True, capture_output=True)
            if subprocess.run(probe, capture_output=True).returncode != 0:
                subprocess.run([str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "duckdb"],
                               check=True, capture_output=True, text=True)
            self.version = subprocess.run(probe, check=True, capture_output=True, text=True).stdout.strip()
            self.python = str(python)
        except (OSError, subprocess.CalledProcessError):
            self.missing = "DuckDB cannot be had: it needs python3-venv and access to PyPI"
            print(f"bench: {self.missing}; its comparisons are skipped", flush=True)

    def start(self):
        self.process = subprocess.Popen(
            [self.python, str(BENCH / "duckdb_worker.py"), str(self.directory / "orders.duckdb")],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )

    def stop(self):
        if self.process:
            self.process.stdin.close()
            self.process.wait()
            self.process = None
        self.loaded = None
        for left in self.directory.glob("orders.*"):
            left.unlink()

    def execute(self, sql):
        if self.missing:
            raise Failed(self.missing, not_available=True)
        if self.process is None:
            self.start()
        self.process.stdin.write(json.dumps({"sql": sql}) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            self.process = None
            raise Failed("DuckDB ended unexpectedly")
        answer = json.loads(line)
        if "error" in answer:
            raise Failed(answer["error"])
        return answer["seconds"], answer["first"]

    def load(self, server, table):
        """Native copy of the table, as 'orders'; seconds for the export and for the load."""
        seconds = self.take(server, table, "CREATE OR REPLACE TABLE orders AS")
        self.loaded = table
        return seconds

    def append(self, server, rows):
        """More rows for that copy, from a table or a query in parentheses."""
        return self.take(server, f"{rows} AS rows", "INSERT INTO orders")

    def take(self, server, rows, statement):
        export = self.directory / "orders.csv"
        seconds_export = self.export(server, rows, export)
        seconds_load, _ = self.execute(
            f"{statement} SELECT * FROM read_csv("
            f"'{export}', header = false, columns = {{'customer_id': 'BIGINT', 'ordered_at': 'TIMESTAMP',"
            " 'amount': 'DECIMAL(12,2)'}); CHECKPOINT"
        )
        export.unlink()
        return seconds_export, seconds_load

    @staticmethod
    def export(server, table, path):
        answer = server.run(
            server.session({"TimeZone": "UTC"})
            + "\\timing on\n"
            + f"\\copy (SELECT customer_id, ordered_at AT TIME ZONE 'UTC', amount FROM {table}) TO '{path}' (FORMAT csv)\n"
        )
        return psql_seconds(answer)

    def time(self, sql, into=None):
        with MemoryWatch(lambda: [self.process.pid] if self.process else []) as memory:
            if into:
                self.execute(f"DROP TABLE IF EXISTS {into}; CHECKPOINT")
                seconds, first = self.execute(f"CREATE TABLE {into} AS {sql}")
                self.execute(f"DROP TABLE {into}")
            else:
                seconds, first = self.execute(sql)
        return seconds, first, memory.peak

    def round_trip(self, server, table, sql):
        """Orders out of PostgreSQL, into DuckDB, the job, the result out and back into PostgreSQL."""
        result = self.directory / "orders.result.csv"
        seconds_export, seconds_load = self.load(server, table)
        seconds_run, _ = self.execute(f"COPY ({sql}) TO '{result}' (FORMAT csv, HEADER false)")
        answer = server.run(
            server.session({})
            + "CREATE TABLE round_trip (customer_id bigint, recency integer, frequency bigint, monetary numeric,"
            " r smallint, f smallint, m smallint, segment text);\n"
            + f"\\timing on\n\\copy round_trip FROM '{result}' (FORMAT csv)\n\\timing off\nDROP TABLE round_trip;\n"
        )
        result.unlink()
        steps = {"export": seconds_export, "load": seconds_load, "query": seconds_run, "load back": psql_seconds(answer)}
        return sum(steps.values()), ", ".join(f"{name} {seconds:.2f}" for name, seconds in steps.items())


class LifetimesWorker:
    """The Python package lifetimes, in an environment and a process of its own; absent where it cannot be had."""

    REQUIREMENTS = ("numpy<1.25", "pandas<2", "scipy<1.11", "lifetimes")

    def __init__(self, customers):
        self.process = None
        self.missing = None
        environment = BENCH / ".venv-lifetimes"
        python = environment / "bin" / "python"
        try:
            if not python.exists():
                base = self.old_python()
                print("bench: making bench/.venv-lifetimes for the Python package lifetimes …", flush=True)
                subprocess.run([base, "-m", "venv", str(environment)], check=True, capture_output=True)
            probe = [str(python), "-c", "import lifetimes"]
            if subprocess.run(probe, capture_output=True).returncode != 0:
                subprocess.run([str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check",
                                *self.REQUIREMENTS], check=True, capture_output=True, text=True)
            self.process = subprocess.Popen(
                [str(python), "-W", "ignore", str(BENCH / "lifetimes_worker.py"), str(customers)],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            )
        except (OSError, subprocess.CalledProcessError) as error:
            self.missing = f"lifetimes cannot be had: it needs Python 3.11 at most, python3-venv and access to PyPI ({error})"
            print(f"bench: {self.missing}; its comparisons are skipped", flush=True)

    @staticmethod
    def old_python():
        for name in ("python3.11", "python3.10", "python3.9", "python3"):
            found = shutil.which(name)
            if found and subprocess.run([found, "-c", "import sys; sys.exit(sys.version_info >= (3, 12))"]).returncode == 0:
                return found
        raise OSError("there is none")

    def fit(self, model):
        if self.missing:
            raise Failed(self.missing, not_available=True)
        with MemoryWatch(lambda: [self.process.pid]) as memory:
            self.process.stdin.write(json.dumps({"model": model}) + "\n")
            self.process.stdin.flush()
            answer = json.loads(self.process.stdout.readline() or '{"error": "lifetimes ended unexpectedly"}')
        if "error" in answer:
            raise Failed(answer["error"])
        return answer["seconds"], answer["log_likelihood"], memory.peak

    def stop(self):
        if self.process:
            self.process.stdin.close()
            self.process.wait()
            self.process = None


def psql_seconds(output):
    return sum(float(time) for time in re.findall(r"^Time: ([\d.]+) ms", output, re.M)) / 1000
