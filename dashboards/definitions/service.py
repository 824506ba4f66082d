"""Is the service up, fast and right, and does it have room?"""

from .panels import (
    NONE_IS_GREEN,
    board,
    equal,
    like,
    lines,
    mean,
    number,
    or_none,
    quantile_by,
    quantiles,
    rate,
    ratio,
    recorded,
    rows,
    selector,
    total,
)

DECISIONS = (
    like("route", "/v1/recommend|/v1/cross-sell|/v1/items/.id./similar|/v1/offers/next") + ', status="200"'
)
OF_CLIENTS = like("route", "/v1/.*|aborted")
GOOD_IS_GREEN = [(None, "red"), (1, "green")]


def budget_left() -> str:
    """Of the requests that may fail within 30 days, the share that is left."""
    requests = "proffer_request_seconds_count"
    all_of_them = f"sum(increase({selector(requests, OF_CLIENTS)}[30d]))"
    failed = f"sum(increase({selector(requests, OF_CLIENTS + ', ' + like('status', '5..'))}[30d]))"
    return f"1 - ({failed} or 0 * {all_of_them}) / {all_of_them} / 0.001"


def dashboard():
    return board(
        "service",
        "Proffer: service",
        "Is it up, fast and right, and does it have room?",
        {
            "Is it up?": [
                number(
                    "How many instances answer?",
                    {"up": total(selector("up"))},
                    "short",
                    "Instances from which Prometheus gets metrics.",
                    width=4,
                    steps=GOOD_IS_GREEN,
                ),
                number(
                    "Does every instance have a release?",
                    {"": f"count({selector('proffer_release_info')}) / {total(selector('up'))}"},
                    "percentunit",
                    "Without a release nothing is recommended.",
                    width=4,
                    steps=GOOD_IS_GREEN,
                ),
                number(
                    "How much of the error budget is left?",
                    {"": budget_left()},
                    "percentunit",
                    "Of the 0.1 % of requests that may fail within 30 days.",
                    width=4,
                    steps=[(None, "red"), (0, "orange"), (0.25, "green")],
                    decimals=1,
                ),
                number(
                    "How many requests are being answered?",
                    {"": total(selector("proffer_requests_in_flight"))},
                    "short",
                    "Requests in flight at this moment, in all instances.",
                    width=4,
                ),
                number(
                    "Since when does it run?",
                    {"": f"time() - min({selector('process_start_time_seconds')})"},
                    "s",
                    "Time since the oldest instance started.",
                    width=4,
                ),
                number(
                    "Has the program made mistakes?",
                    {
                        "panics": total(selector("proffer_panics_total")),
                        "lost decisions": total(selector("proffer_lost_decisions_total")),
                    },
                    "short",
                    "Handlers that panicked, and answered decisions that could not be kept, since the start.",
                    width=4,
                    steps=NONE_IS_GREEN,
                ),
            ],
            "Is it fast?": [
                lines(
                    "How long do decisions take?",
                    quantiles("proffer_request_seconds", 0.5, 0.9, 0.99, 0.999, more=DECISIONS),
                    "s",
                    "Time to answer, of decisions that succeeded: the objective is 50 ms for 99 in 100.",
                ),
                lines(
                    "Which routes are slow?",
                    quantile_by("proffer_request_seconds", 0.99, "route"),
                    "s",
                    "Of each route, the time that 99 requests in 100 stay below.",
                ),
                lines(
                    "Where does the time go?",
                    {"{{stage}}": mean("proffer_stage_seconds", "stage")},
                    "s",
                    "Mean time of each stage of requests; each answer names its own in Server-Timing.",
                ),
                lines(
                    "What share of decisions is too slow?",
                    {"slower than 50 ms": recorded("job:proffer_slow_decisions:ratio_rate5m")},
                    "percentunit",
                    "The objective is at most 1 %.",
                ),
                lines(
                    "How long do searches take?",
                    quantile_by("proffer_index_search_seconds", 0.99, "index"),
                    "s",
                    "In the vector indexes, waiting for a thread included; 99 in 100 stay below.",
                ),
                lines(
                    "How often do caches answer?",
                    {
                        "{{cache}}": ratio(
                            rate("proffer_cache_lookups_total", equal("result", "hit")),
                            rate("proffer_cache_lookups_total"),
                            "cache",
                        )
                    },
                    "percentunit",
                    "Share of looks that found something; what misses is read and computed.",
                ),
            ],
            "Is it right?": [
                lines(
                    "How many requests come, and where?",
                    {"{{method}} {{route}}": total(rate("proffer_request_seconds_count"), "method, route")},
                    "reqps",
                    "By route pattern.",
                    stacked=True,
                ),
                lines(
                    "How are they answered?",
                    {"{{status}}": total(rate("proffer_request_seconds_count"), "status")},
                    "reqps",
                    "By status.",
                    stacked=True,
                ),
                lines(
                    "What share of requests fails?",
                    {"failed": recorded("job:proffer_request_errors:ratio_rate5m")},
                    "percentunit",
                    "Statuses from 500 on; the objective is at most 0.1 %.",
                ),
                lines(
                    "Which faults does the store have?",
                    {"{{access}}: {{fault}}": total(rate("proffer_store_failures_total"), "access, fault")},
                    "ops",
                    "Reads and writes that failed.",
                ),
                lines(
                    "Which faults do the indexes have?",
                    {"{{index}}: {{fault}}": total(rate("proffer_index_failures_total"), "index, fault")},
                    "ops",
                    "Searches and changes that failed.",
                ),
            ],
            "Does it have room?": [
                lines(
                    "How full are the queues?",
                    {"{{instance}} {{queue}}": selector("instance:proffer_queue_fill:ratio")},
                    "percentunit",
                    "What waits, of what may wait. A full queue makes requests wait or be refused.",
                ),
                lines(
                    "Is anyone turned away?",
                    {
                        "refused {{reason}}": or_none(total(rate("proffer_shed_requests_total"), "reason")),
                        "waiting {{door}}": total(selector("proffer_admission_waiting"), "door"),
                    },
                    "short",
                    "At the doors of answers and of writes: requests refused each second, and those that wait.",
                ),
                lines(
                    "How many requests may be answered at once?",
                    {
                        "limit of {{door}}": total(selector("proffer_admission_limit"), "door"),
                        "in flight": total(selector("proffer_requests_in_flight")),
                    },
                    "short",
                    "The limit of each door, and the requests in flight at both, with those that wait.",
                ),
                lines(
                    "How long do writes wait for the disk?",
                    quantiles("proffer_store_write_seconds", 0.5, 0.99),
                    "s",
                    "Time of one transaction of the store's writer, commit included.",
                ),
                lines(
                    "How many rows share a commit?",
                    {"mean": mean("proffer_store_group_rows")},
                    "short",
                    "More rows in a commit mean that writes come faster than the disk takes them.",
                ),
                lines(
                    "Which reads are slow?",
                    quantile_by("proffer_store_read_seconds", 0.99, "operation"),
                    "s",
                    "Of each read of the store, the time that 99 in 100 stay below.",
                ),
                lines(
                    "How busy are the processors?",
                    {"{{instance}}": rate("process_cpu_seconds_total")},
                    "short",
                    "Processors in use, by instance.",
                ),
                lines(
                    "How much memory is in use?",
                    {"{{instance}}": selector("process_resident_memory_bytes")},
                    "bytes",
                    "Resident memory, by instance.",
                ),
                lines(
                    "How many files and connections are open?",
                    {"{{instance}}": selector("process_open_fds")},
                    "short",
                    "Sockets count, too.",
                ),
                rows(
                    "Which versions run?",
                    {"": selector("proffer_build_info")},
                    "The program of each instance.",
                    width=8,
                ),
            ],
        },
    )
