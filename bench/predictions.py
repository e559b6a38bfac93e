"""What is measured of prediction: fits against the Python package lifetimes on CDNOW, and speed on a million customers.

These do not depend on the generated orders; they have a section of their own in RESULTS.md.
"""

import lzma
import os
from dataclasses import dataclass
from pathlib import Path

from measures import SERIAL, Measure, Postgres

CUSTOMERS = 1_000_000
# Not in the repository: data without a licence of its own. 69,659 purchases of 23,570 customers.
CDNOW = Path(os.environ.get("STRATA_DATA", Path(__file__).parents[2] / "shared" / "data")) / "cdnow" / "CDNOW_master.txt.xz"
CALIBRATION_END = "1997-09-30"


@dataclass(frozen=True)
class Lifetimes:
    """A fit by the Python package lifetimes to the same customers; the time is that of its fit() alone."""

    model: str


def fit(model, table):
    return Postgres(f"SELECT strata.{model}_fit_agg(x, t_x, t) FROM {table}", SERIAL, keeps=(f"{model}_fit_agg(",))


def read(call):
    return Postgres(
        f"SELECT count(answer) FROM (SELECT strata.{call} AS answer FROM customers, fitted OFFSET 0) AS answers",
        SERIAL,
        keeps=(call.split("(")[0],),
    )


def alone(key, name, ours, **asked):
    return Measure(key, name, ours, None, "–", customers=CUSTOMERS, **asked)


PREDICTIONS = [
    Measure("predict_bgnbd", "BG/NBD fit, CDNOW", fit("bgnbd", "cdnow"), Lifetimes("bgnbd"), "lifetimes", asked=0.1),
    Measure("predict_pareto_nbd", "Pareto/NBD fit, CDNOW", fit("pareto_nbd", "cdnow"), Lifetimes("pareto_nbd"), "lifetimes",
            asked=0.1, repeated=False),
    alone("predict_fit", "BG/NBD fit, 1 M customers", fit("bgnbd", "customers"), asked_seconds=3.0),
    alone("predict_alive", "p_alive()", read("p_alive(bgnbd, x, t_x, t)"), asked_users=1e6),
    alone("predict_expected", "expected_purchases(), 90 days", read("expected_purchases(bgnbd, 90, x, t_x, t)"), asked_users=1e6),
    alone("predict_probability", "purchase_probability(), 90 days", read("purchase_probability(bgnbd, 90, x, t_x, t)"),
          asked_users=1e6),
]


def purchases():
    """The rows of CDNOW as CSV: customer, day, amount."""
    with lzma.open(CDNOW, "rt") as lines:
        next(lines)  # the names of the columns
        for line in lines:
            customer, day, _, amount = line.split()
            yield f"{customer},{day},{amount}\n"
