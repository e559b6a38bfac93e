#!/usr/bin/env python3
"""Derives orders.csv.gz, the demo's orders, from UCI Online Retail.

One row per invoice of a known customer: invoice, customer, the invoice's first
time (43 invoices carry two, a minute apart), country and the exact net amount,
the sum of Quantity * UnitPrice. Credits (cancellations, returns) are negative.
The same input gives the same bytes.

    demo/derive_orders.py [online_retail.csv.xz] [orders.csv.gz]
"""

import csv
import gzip
import io
import lzma
import sys
from decimal import Decimal
from pathlib import Path

here = Path(__file__).resolve().parent
source = here.parent.parent / "shared/data/online_retail/online_retail.csv.xz"
target = here / "orders.csv.gz"
if len(sys.argv) > 1:
    source = Path(sys.argv[1])
if len(sys.argv) > 2:
    target = Path(sys.argv[2])

invoices = {}
with lzma.open(source, "rt", encoding="utf-8", newline="") as lines:
    for line in csv.DictReader(lines):
        if not line["CustomerID"]:
            continue
        key = (line["InvoiceNo"], line["CustomerID"], line["Country"])
        time, amount = invoices.get(key, (line["InvoiceDate"], Decimal(0)))
        amount += int(line["Quantity"]) * Decimal(line["UnitPrice"])
        invoices[key] = (min(time, line["InvoiceDate"]), amount)

if len({invoice for invoice, _, _ in invoices}) != len(invoices):
    sys.exit("an invoice belongs to more than one customer or country")


def plain(amount):
    """At least two decimals, no trailing zero beyond them, never an exponent."""
    cents = amount.quantize(Decimal("0.01"))
    return f"{cents if cents == amount else amount:f}"


text = io.StringIO()
writer = csv.writer(text, lineterminator="\n")
writer.writerow(["invoice", "customer", "time", "country", "amount"])
for (invoice, customer, country), (time, amount) in sorted(
    invoices.items(), key=lambda item: (item[1][0], item[0][0])
):
    writer.writerow([invoice, customer, time, country, plain(amount)])

# No name and no time in the header: the archive depends on its content alone.
with open(target, "wb") as file:
    with gzip.GzipFile("", "wb", compresslevel=9, fileobj=file, mtime=0) as archive:
        archive.write(text.getvalue().encode("utf-8"))

total = sum(amount for _, amount in invoices.values())
print(f"{len(invoices)} orders, {len({c for _, c, _ in invoices})} customers, net {total:f}")
