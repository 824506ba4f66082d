"""Which offers are shown, what do people do with them, what do they bring, and do we keep within bounds?"""

from .panels import (
    NONE_IS_GREEN,
    board,
    equal,
    increase,
    like,
    lines,
    number,
    or_none,
    rate,
    ratio,
    rows,
    selector,
    shares,
    total,
)


def outcome(word: str) -> str:
    """A condition on responses."""
    return equal("outcome", word)


def dashboard():
    shown = "proffer_answered_offers_total"
    responses = "proffer_offer_responses_total"
    decisions = "proffer_offer_decisions_total"
    return board(
        "offers",
        "Proffer: offers",
        "Which offers are shown, what comes of them, and do we keep within bounds?",
        {
            "What is offered?": [
                lines(
                    "How many decisions about offers, and where?",
                    {"{{contact_point}}": total(rate(decisions), "contact_point")},
                    "reqps",
                    "By contact point.",
                    stacked=True,
                ),
                lines(
                    "What share of decisions has an offer?",
                    {
                        "{{contact_point}}": ratio(
                            rate(decisions, equal("answered", "yes")), rate(decisions), "contact_point"
                        )
                    },
                    "percentunit",
                    "The others found nothing that is allowed, or belong to the control group.",
                ),
                lines(
                    "Which arms decide?",
                    {"{{arm}}": shares(decisions, "arm")},
                    "percentunit",
                    "Shares of the arms of the standing experiment.",
                    stacked=True,
                ),
                lines(
                    "Which offers are shown?",
                    {"{{offer}}": f"topk(10, {total(rate(shown), 'offer')})"},
                    "cps",
                    "The ten offers that are answered most.",
                    stacked=True,
                ),
                lines(
                    "What removes offers?",
                    {"{{stage}}": total(rate("proffer_removed_offers_total"), "stage")},
                    "cps",
                    "Offers that each stage of the chain took out: eligibility, consent, contact pressure and so on.",
                    stacked=True,
                ),
                lines(
                    "Do rules fail?",
                    {
                        "{{contact_point}}": or_none(
                            total(rate("proffer_failed_rules_total"), "contact_point")
                        )
                    },
                    "cps",
                    "Offers that a rule cost because it could not be evaluated on the customer.",
                ),
            ],
            "What comes of it?": [
                rows(
                    "How does each offer do?",
                    {
                        "shown": f"topk(50, {increase(shown, '', 'offer')})",
                        "clicked": increase(responses, outcome("clicked"), "offer"),
                        "accepted": increase(responses, outcome("accepted"), "offer"),
                        "refused": increase(responses, outcome("refused"), "offer"),
                        "complained": increase(responses, outcome("complaint"), "offer"),
                    },
                    "In the time shown: how often it was answered, and what people did.",
                    width=12,
                ),
                lines(
                    "What do people do?",
                    {"{{outcome}}": total(rate(responses), "outcome")},
                    "cps",
                    "Responses that are linked to their offers.",
                    width=12,
                    stacked=True,
                ),
                lines(
                    "Which offers are accepted?",
                    {
                        "{{offer}}": f"topk(10, {ratio(rate(responses, outcome('accepted')), rate(shown), 'offer')})"
                    },
                    "percentunit",
                    "Acceptances over showings, the ten highest.",
                ),
                lines(
                    "Which channels are accepted?",
                    {"{{channel}}": ratio(rate(responses, outcome("accepted")), rate(shown), "channel")},
                    "percentunit",
                    "Acceptances over showings.",
                ),
                lines(
                    "What do they bring?",
                    {"{{offer}}": f"topk(10, {increase('proffer_offer_revenue_total', '', 'offer')})"},
                    "short",
                    "Money that responses brought in the time shown, before refunds; the ten highest.",
                ),
                lines(
                    "What becomes of received responses?",
                    {"{{outcome}}: {{result}}": total(rate("proffer_responses_total"), "outcome, result")},
                    "cps",
                    "Stored, waiting for their decision, known already, or rejected.",
                ),
                lines(
                    "Do people complain?",
                    {"{{channel}}": ratio(rate(responses, outcome("complaint")), rate(shown), "channel")},
                    "percentunit",
                    "Complaints over showings.",
                ),
                number(
                    "How many results stayed without a word?",
                    {"": total(selector("proffer_silent_results_total"))},
                    "short",
                    "Settled by silence since the start.",
                    width=8,
                ),
            ],
            "Do we keep within bounds?": [
                number(
                    "How many contacts are reserved?",
                    {"": f"max({selector('proffer_reservations_outstanding')})"},
                    "short",
                    "They hold places in contact pressure until they are delivered, given back or expire.",
                    width=6,
                ),
                number(
                    "Do reservations outlive their time?",
                    {"": f"max({selector('proffer_reservations_overdue')})"},
                    "short",
                    "Should be none: expired reservations are given back every few seconds.",
                    width=6,
                    steps=NONE_IS_GREEN,
                ),
                number(
                    "Do stock and budget leak?",
                    {
                        "": f"max(abs({selector('proffer_reservations_counted')} - {selector('proffer_reservations_outstanding')}))"
                    },
                    "short",
                    "The counters of offers less the reserved contacts; should be none.",
                    width=6,
                    steps=NONE_IS_GREEN,
                ),
                number(
                    "How many objected?",
                    {
                        "{{purpose}}": increase(
                            "proffer_consents_total", like("status", "refused|withdrawn"), "purpose"
                        )
                    },
                    "short",
                    "Consents refused or withdrawn in the time shown.",
                    width=6,
                ),
                lines(
                    "What becomes of reservations?",
                    {"{{outcome}}": total(rate("proffer_reservations_total"), "outcome")},
                    "cps",
                    "Made, expired without a word, or overtaken by another decision.",
                    width=12,
                ),
                lines(
                    "What do people say about consent?",
                    {"{{purpose}}: {{status}}": total(rate("proffer_consents_total"), "purpose, status")},
                    "cps",
                    "Lines added to the ledger of consents.",
                    width=12,
                ),
            ],
        },
    )
