"""BG/NBD and Gamma-Gamma of `lifetimes` and ours, on summaries that `lifetimes` makes (in days).

Both log-likelihoods are evaluated here, by the papers' formulas, at the parameters that each has found; seconds are
those of the best of several fits. Gamma-Gamma is fitted on customers with a repeat order whose mean basket is above 0.
"""

import argparse
import contextlib
import json
import os
import subprocess
import tempfile
import time
import warnings

import numpy as np
import pandas as pd
from lifetimes import BetaGeoFitter, GammaGammaFitter
from lifetimes.utils import summary_data_from_transaction_data
from scipy.special import gammaln


def online_retail(path):
    """Customer, time and money of every line that was paid: without customers, cancellations and gifts."""
    columns = ["InvoiceNo", "Quantity", "InvoiceDate", "UnitPrice", "CustomerID"]
    lines = pd.read_csv(path, usecols=columns, dtype={"InvoiceNo": str})
    paid = (lines.Quantity > 0) & (lines.UnitPrice > 0) & ~lines.InvoiceNo.str.startswith("C")
    lines = lines[paid & lines.CustomerID.notna()]
    money = lines.Quantity * lines.UnitPrice
    return pd.DataFrame({"customer": lines.CustomerID, "time": pd.to_datetime(lines.InvoiceDate), "money": money})


def complete_journey(path):
    """Household, time and money of every line."""
    columns = ["household_id", "transaction_timestamp", "sales_value"]
    lines = pd.read_csv(path, usecols=columns)
    time = pd.to_datetime(lines.transaction_timestamp, utc=True).dt.tz_localize(None)
    return pd.DataFrame({"customer": lines.household_id, "time": time, "money": lines.sales_value})


def bg_nbd(parameters, customers):
    """The log-likelihood of Fader, Hardie and Lee (2005)."""
    r, alpha, a, b = parameters
    x, recency, age = (customers[name].to_numpy(float) for name in ["frequency", "recency", "T"])
    orders = gammaln(r + x) - gammaln(r) + r * np.log(alpha)
    stops = gammaln(a + b) + gammaln(b + x) - gammaln(b) - gammaln(a + b + x)
    alive = -(r + x) * np.log(alpha + age)
    stopped = np.log(a) - np.log(b + np.maximum(x, 1) - 1) - (r + x) * np.log(alpha + recency)
    return (orders + stops + np.where(x > 0, np.logaddexp(alive, stopped), alive)).sum()


def gamma_gamma(parameters, customers):
    """The log-likelihood of Fader and Hardie (2013)."""
    p, q, v = parameters
    x, m = (customers[name].to_numpy(float) for name in ["frequency", "monetary_value"])
    constants = gammaln(p * x + q) - gammaln(p * x) - gammaln(q) + q * np.log(v)
    return (constants + (p * x - 1) * np.log(m) + p * x * np.log(x) - (p * x + q) * np.log(x * m + v)).sum()


def timed(work, repeats):
    """The last result, and the seconds of the fastest; an error of the library is a result."""
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        try:
            with warnings.catch_warnings(), contextlib.redirect_stdout(None):
                warnings.simplefilter("ignore")
                found = work()
        except Exception as error:
            return f"{type(error).__name__}: {' '.join(str(error).split())[:80]}", time.perf_counter() - start
        seconds.append(time.perf_counter() - start)
    return found, min(seconds)


def theirs(customers, spenders, repeats):
    x, recency, age = customers.frequency, customers.recency, customers["T"]
    orders = timed(lambda: list(BetaGeoFitter().fit(x, recency, age).params_[["r", "alpha", "a", "b"]]), repeats)
    x, money = spenders.frequency, spenders.monetary_value
    return orders, timed(lambda: list(GammaGammaFitter().fit(x, money).params_[["p", "q", "v"]]), repeats)


def ours(program, customers, repeats):
    with tempfile.TemporaryDirectory() as directory:
        path = os.path.join(directory, "summaries.csv")
        customers[["frequency", "recency", "T", "monetary_value"]].to_csv(path, index=False)
        return json.loads(subprocess.run([program, path, str(repeats)], check=True, stdout=subprocess.PIPE).stdout)


def line(model, library, parameters, seconds, log_likelihood, customers):
    numbers = " ".join(f"{parameter:.6g}" for parameter in parameters)
    total = log_likelihood(parameters, customers)
    print(f"{model:12} {library:10} {total:16.6f} {total / len(customers):14.9f} {seconds:10.4f}   {numbers}")


def main():
    parse = argparse.ArgumentParser(description=__doc__)
    parse.add_argument("program", help="models/examples/value.rs, built")
    parse.add_argument("data", choices=["online_retail", "complete_journey"])
    parse.add_argument("path")
    parse.add_argument("--repeats", type=int, default=5)
    args = parse.parse_args()
    lines = {"online_retail": online_retail, "complete_journey": complete_journey}[args.data](args.path)
    customers = summary_data_from_transaction_data(lines, "customer", "time", monetary_value_col="money", freq="D")
    spenders = customers[(customers.frequency > 0) & (customers.monetary_value > 0)]
    print(f"{args.data}: {len(customers):,} customers, {len(spenders):,} with a repeat order above 0")
    print("model        library      log-likelihood   per customer    seconds   parameters")
    found = ours(args.program, customers, args.repeats)
    both = theirs(customers, spenders, args.repeats)
    for (model, names, formula, rows), (parameters, seconds) in zip(
        [
            ("bg_nbd", ["r", "alpha", "a", "b"], bg_nbd, customers),
            ("gamma_gamma", ["p", "q", "v"], gamma_gamma, spenders),
        ],
        both,
    ):
        if isinstance(parameters, str):
            print(f"{model:12} lifetimes  {parameters} ({seconds:.4f} s)")
        else:
            line(model, "lifetimes", parameters, seconds, formula, rows)
        fitted = found[model]
        line(model, "ours", [fitted["model"][name] for name in names], fitted["seconds"], formula, rows)
        if not fitted["converged"]:
            print(f"{'':12} not converged: {fitted['reason']}")
    clv = found["clv"]
    per_customer = 1e6 * clv["seconds"] / len(customers)
    print(f"12 months' value of all customers: {clv['total']:,.2f}, {per_customer:.2f} µs each on one thread")
    print(f"correlation of basket and frequency: {found['spend_frequency_correlation']:.3f}")


if __name__ == "__main__":
    main()
