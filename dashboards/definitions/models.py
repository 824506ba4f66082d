"""Which release answers, how good was it, and do scores, probabilities and inputs still look as they did?"""

from .panels import (
    NAMED,
    board,
    by_release,
    like,
    lines,
    mean,
    number,
    quantiles,
    rate,
    recorded,
    rows,
    selector,
    spread,
    total,
)

SHARED = "max by (channel)"


def quality(task: str, measures: str) -> str:
    """What a release was judged to be, on one task; instances with the same release say the same."""
    figures = selector("proffer_release_quality", f"{like('task', task)}, {like('measure', measures)}")
    return f"max by (model, measure) ({figures})"


def evidence_by_subject() -> str:
    """How much is known of people, as shares of the decisions about items and of those about offers."""
    known = rate("proffer_decision_evidence_total", NAMED)
    return f"{total(known, 'about, evidence')} / on (about) group_left {total(known, 'about')}"


def dashboard():
    return board(
        "models",
        "Proffer: models",
        "Which release answers, how good was it, and is it still right?",
        {
            "Which release answers?": [
                rows(
                    "Which release answers, from which index?",
                    {"": selector("proffer_release_info")},
                    "By instance; all should have the same.",
                    width=8,
                ),
                number(
                    "How long ago was it trained?",
                    {"{{release}}": by_release("instance:proffer_release_age:seconds")},
                    "s",
                    "A release is trained from time to time, and activated after.",
                    width=8,
                ),
                number(
                    "How old is what it knows?",
                    {"{{release}}": by_release("instance:proffer_release_data_age:seconds")},
                    "s",
                    "Time since its data ended.",
                    width=8,
                ),
            ],
            "How good was it when it was judged?": [
                number(
                    "Does it recommend well?",
                    {"{{model}} {{measure}}": quality("all_items", "recall|ndcg|hit_rate")},
                    "percentunit",
                    "All that customers bought in the last part of the history, full catalogue, lists of 20.",
                    width=12,
                    decimals=1,
                ),
                number(
                    "Does it find what is new to them?",
                    {"{{model}} {{measure}}": quality("new_items", "recall|ndcg|hit_rate")},
                    "percentunit",
                    "Only items that a customer had not bought before.",
                    width=12,
                    decimals=1,
                ),
                number(
                    "Is it more than the same for all?",
                    {"{{model}} {{measure}}": quality("all_items", "coverage|diversity")},
                    "percentunit",
                    "Share of the catalogue in any list; how different the items of one list are.",
                    width=12,
                    decimals=1,
                ),
                number(
                    "Can it tell who leaves?",
                    {"{{measure}}": quality("churn", "auc|brier|ece")},
                    "percentunit",
                    "Area under the curve (more is better), Brier score and calibration error (less is better).",
                    width=12,
                    decimals=1,
                ),
            ],
            "Is it still right?": [
                lines(
                    "Do people accept as often as foretold?",
                    {"{{channel}}": recorded("job_channel:proffer_acceptances_over_foretold:ratio")},
                    "short",
                    "Acceptances over the sum of foretold probabilities, of settled results since training: 1 is right.",
                ),
                lines(
                    "On how many results does that rest?",
                    {
                        "{{channel}} settled": f"{SHARED} ({selector('proffer_settled_results')})",
                        "{{channel}} accepted": f"{SHARED} ({selector('proffer_accepted_results')})",
                        "{{channel}} foretold": f"{SHARED} ({selector('proffer_foretold_acceptances')})",
                    },
                    "short",
                    "Settled by a response or by silence, accepted, and how many were expected to be.",
                ),
                lines(
                    "Which probabilities are foretold?",
                    {"{{channel}}": mean("proffer_foretold_probability", "channel")},
                    "percentunit",
                    "Mean probability of acceptance of the offers shown.",
                ),
                spread(
                    "How are probabilities spread?",
                    "proffer_foretold_probability",
                    "percentunit",
                    "How many offers shown had which probability of acceptance.",
                ),
                lines(
                    "How high are the scores of items?",
                    {
                        "mean": mean("proffer_top_item_score"),
                        **quantiles("proffer_top_item_score", 0.1, 0.5, 0.9),
                    },
                    "short",
                    "Of the best item of each recommendation; the scale is that of the release.",
                ),
                spread(
                    "How are scores spread?",
                    "proffer_top_item_score",
                    "short",
                    "How many recommendations had which best score.",
                ),
            ],
            "Are the inputs what they were?": [
                lines(
                    "Who asks?",
                    {"{{about}}: {{evidence}}": evidence_by_subject()},
                    "percentunit",
                    "How much is known of the people for whom decisions are made, about items and about offers.",
                    width=12,
                ),
                lines(
                    "What do customers do?",
                    {"{{kind}}": total(rate("proffer_events_total"), "kind")},
                    "cps",
                    "Events by kind: a kind that stops, or one that nobody can read, changes what models see.",
                    width=12,
                ),
            ],
        },
    )
