"""What do recommendations rest on, how often is something missing, and how fresh is it?"""

from .panels import (
    NAMED,
    board,
    by_release,
    equal,
    lines,
    number,
    quantiles,
    rate,
    ratio,
    recorded,
    selector,
    shares,
    total,
)


def dashboard():
    decisions = "proffer_decisions_total"
    items = "proffer_answered_items_total"
    evidence = "proffer_decision_evidence_total"
    return board(
        "recommendations",
        "Proffer: recommendations",
        "What are answers made of, what is missing, and how fresh is it?",
        {
            "What are answers made of?": [
                lines(
                    "How many decisions about items, and where?",
                    {"{{contact_point}}": total(rate(decisions), "contact_point")},
                    "reqps",
                    "By contact point; cross-sell and similar items have none.",
                    stacked=True,
                ),
                lines(
                    "Where do the items come from?",
                    {"{{source}}": shares(items, "source")},
                    "percentunit",
                    "Shares of the items answered; popular and trending ones are the same for everyone.",
                    stacked=True,
                ),
                lines(
                    "How many items does an answer have?",
                    {"{{contact_point}}": ratio(rate(items), rate(decisions), "contact_point")},
                    "short",
                    "Fewer than the contact point asks for means that filters and exclusions leave too little.",
                ),
                lines(
                    "How much do we know of the people who ask?",
                    {"{{evidence}}": shares(evidence, "evidence", NAMED)},
                    "percentunit",
                    "Nothing, only a profile, only this session, a few items, or a history.",
                    stacked=True,
                ),
                lines(
                    "What share of answers is cold?",
                    {"cold": recorded("job:proffer_cold_answers:ratio_rate5m")},
                    "percentunit",
                    "Answers to people of whom nothing at all is known.",
                ),
                lines(
                    "What was left out, and why?",
                    {"{{reason}}": total(rate("proffer_removed_items_total"), "reason")},
                    "cps",
                    "All that was owned, or excluded by request or session; and what ranking met and the filter took out.",
                ),
            ],
            "What is missing?": [
                lines(
                    "How often must the fallback help?",
                    {
                        "all": recorded("job:proffer_fallbacks:ratio_rate5m"),
                        "{{contact_point}}": ratio(
                            rate(decisions, NAMED + ', fallback="yes"'),
                            rate(decisions, NAMED),
                            "contact_point",
                        ),
                    },
                    "percentunit",
                    "Decisions that were filled up with what everybody gets.",
                ),
                lines(
                    "Which parts are missing from decisions?",
                    {"{{part}}": total(rate("proffer_degraded_decisions_total"), "part")},
                    "reqps",
                    "Decisions made without a part that was down.",
                ),
                lines(
                    "What share of decisions is degraded?",
                    {"degraded": recorded("job:proffer_degraded:ratio_rate5m")},
                    "percentunit",
                    "At least so many, of items and offers: as many as lack the part that is missing most.",
                ),
            ],
            "How fresh is it?": [
                number(
                    "How old is what the release knows?",
                    {"{{release}}": by_release("instance:proffer_release_data_age:seconds")},
                    "s",
                    "Time since the release's data ended; live events are added to it.",
                    width=8,
                ),
                number(
                    "How old is the newest event?",
                    {"": recorded("job:proffer_newest_event_age:seconds")},
                    "s",
                    "Time since the latest thing that a customer did and that we heard of.",
                    width=8,
                ),
                number(
                    "How much of the catalogue do lists reach?",
                    {
                        "{{model}}": selector(
                            "proffer_release_quality", 'task="all_items", measure="coverage"'
                        )
                    },
                    "percentunit",
                    "Share of all items in any list, when the release was judged.",
                    width=8,
                ),
                lines(
                    "Which events come?",
                    {"{{kind}}": total(rate("proffer_events_total", equal("result", "stored")), "kind")},
                    "cps",
                    "Events that were kept.",
                    stacked=True,
                ),
                lines(
                    "What becomes of events?",
                    {"{{result}}": total(rate("proffer_events_total"), "result")},
                    "cps",
                    "Stored, known already, or rejected.",
                    stacked=True,
                ),
                lines(
                    "How late do events come?",
                    quantiles("proffer_event_lag_seconds", 0.5, 0.9, 0.99),
                    "s",
                    "Time between the act and its receipt, of events that say when they happened.",
                ),
            ],
        },
    )
