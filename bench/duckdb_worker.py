"""DuckDB in a process of its own: reads one JSON request a line, answers one JSON line. Started by run."""

import json
import sys
import time

import duckdb

connection = duckdb.connect(sys.argv[1])
connection.execute("SET threads = 2")
connection.execute("SET preserve_insertion_order = false")

for line in sys.stdin:
    request = json.loads(line)
    try:
        start = time.perf_counter()
        rows = connection.execute(request["sql"]).fetchall()
        answer = {"seconds": time.perf_counter() - start, "first": str(rows[0][0]) if rows else None}
    except duckdb.Error as error:
        answer = {"error": str(error).splitlines()[0]}
    print(json.dumps(answer), flush=True)
