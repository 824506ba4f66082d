"""The results of run.sh side by side. A ratio says how many times better Proffer is: more answers, less time."""

import json
import os
import sys
from pathlib import Path

SYSTEMS = {"proffer": "Proffer", "implicit": "implicit", "implicit-stored": "implicit, stored"}


def figures(results: Path, system: str) -> dict[tuple[str, bool], float | None]:
    """By name, and whether more is better."""
    part = {
        part: json.loads((results / f"{system}-{part}.json").read_text())
        for part in ("start", "memory", "saturate", "rates")
    }
    saturation = part["saturate"]["phases"][0]
    rows = {
        ("saturation: answers/s", True): saturation["accepted_per_second"],
        ("saturation: failed %", False): failed(saturation),
    }
    for phase in part["rates"]["phases"]:
        at, times = f"{phase['rate']:6,.0f}/s", phase["figures"]["accepted_ms"] or {}
        for quantile in ("p50", "p90", "p99", "p99_9"):
            rows[f"{at}: {quantile.replace('_', '.')} ms", False] = times.get(quantile)
        rows[f"{at}: failed %", False] = failed(phase)
    rows["memory MB", False] = part["memory"]["memory_mb"]
    rows["seconds to ready", False] = part["start"]["seconds_to_ready"]
    return rows


def failed(phase) -> float:
    """Of the requests that were due: turned away, too late, or with an answer that is not one."""
    counts = phase["figures"]
    return 100 * (counts["shed"] + counts["failed"] + counts["unmet"]) / max(counts["due"], 1)


def main():
    release, results = Path(sys.argv[1]), Path(sys.argv[2])
    counts = json.loads((release / "manifest.json").read_text())["counts"]
    print(
        f"{counts['customers']:,} customers, {counts['items']:,} items, {counts['interactions']:,} pairs; "
        f"{os.cpu_count()} cores, on which the generator runs too\n"
    )
    columns = [figures(results, system) for system in SYSTEMS]
    ours, peers = columns[0], columns[1:]
    header = ["", SYSTEMS["proffer"]]
    for name in list(SYSTEMS.values())[1:]:
        header += [name, "ratio"]
    lines = [header]
    for row, value in ours.items():
        name, more_is_better = row
        line = [name, number(value)]
        for peer in peers:
            better, worse = (value, peer[row]) if more_is_better else (peer[row], value)
            line += [number(peer[row]), f"{better / worse:.1f}×" if better and worse else "–"]
        lines.append(line)
    widths = [max(map(len, column)) for column in zip(*lines)]
    for line in lines:
        print("  ".join([line[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(line[1:], widths[1:]))]))
    print("\nLatencies are of what was answered well, from the moment at which a request was due.")
    print("Where much failed, they say little.")


def number(value: float | None) -> str:
    return "–" if value is None else f"{value:,.1f}" if value < 100 else f"{value:,.0f}"


if __name__ == "__main__":
    main()
