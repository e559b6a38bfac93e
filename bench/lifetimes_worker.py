"""The Python package lifetimes in a process of its own: reads the customers once, then fits a model for each line of input."""

import json
import sys
import time

import lifetimes
import numpy
import pandas

customers = pandas.read_csv(sys.argv[1], names=["x", "t_x", "t"])
FITTERS = {"bgnbd": lifetimes.BetaGeoFitter, "pareto_nbd": lifetimes.ParetoNBDFitter}


def log_likelihood(model, fitter):
    """Of times in days: the fit scales them. The loss of one model is a mean, that of the other a sum."""
    loss = fitter._negative_log_likelihood_ * (len(customers) if model == "bgnbd" else 1)
    return float(customers["x"].sum() * numpy.log(fitter._scale) - loss)


for line in sys.stdin:
    try:
        model = json.loads(line)["model"]
        fitter = FITTERS[model]()
        start = time.perf_counter()
        fitter.fit(customers["x"], customers["t_x"], customers["t"])
        seconds = time.perf_counter() - start
        answer = {"seconds": seconds, "log_likelihood": log_likelihood(model, fitter)}
    except Exception as error:
        answer = {"error": f"{type(error).__name__}: {error}"}
    print(json.dumps(answer), flush=True)
