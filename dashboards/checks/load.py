"""Load of every kind on a demonstration: what shops, advisors, campaigns and their mistakes send."""

import json
import random
import threading
import time
import urllib.error
import urllib.request
import uuid
from datetime import datetime, timedelta, timezone

# Silence is an answer after an hour, contacts are held for a minute, and every arm decides.
POLICY = """
name = "check of dashboards"
[contact_points.email]
reserve_minutes = 1
[responses]
wait_hours = 1
[arms]
salt = "check"
[arms.shares]
nba = 0.6
random = 0.1
propensity_only = 0.1
no_levers = 0.1
control = 0.1
"""

# An offer whose rule fails on everyone of whom the attribute is not known.
FAILING = {
    "name": "A rule that fails",
    "issue": "sales",
    "group": "check",
    "value": 1.0,
    "eligibility": "profile.income_of_the_check > 3.0",
    "treatments": [
        {"channel": channel, "content": {"en": {"title": "Never"}}} for channel in ("web", "email")
    ],
}

KINDS = ["view", "click", "basket", "purchase", "complaint"]
OUTCOMES = [
    "shown",
    "clicked",
    "clicked",
    "accepted",
    "accepted",
    "refused",
    "later",
    "complaint",
    "delivered",
]
INBOUND = ["web_home", "app", "branch_advisor", "call_centre"]


class Client:
    """Speaks to the service; an answer of any status is an answer."""

    def __init__(self, address: str, key: str):
        self.address, self.key = address, key

    def send(self, method: str, path: str, body=None, *, content_type="application/json", key=None):
        data = body if isinstance(body, bytes) else None if body is None else json.dumps(body).encode()
        headers = {"Authorization": f"Bearer {key or self.key}", "Content-Type": content_type}
        request = urllib.request.Request(self.address + path, data, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=90) as answer:
                return answer.status, json.loads(answer.read() or b"null")
        except urllib.error.HTTPError as error:
            return error.code, json.loads(error.read() or b"null")

    def must(self, method: str, path: str, body=None, **more):
        status, answer = self.send(method, path, body, **more)
        if status != 200:
            raise RuntimeError(f"{method} {path} was answered {status}: {answer}")
        return answer


def prepare(client: Client) -> None:
    """Publishes the policy and writes the offer that fails."""
    draft = client.must("POST", "/v1/policies", POLICY.encode(), content_type="application/toml")
    client.must("POST", f"/v1/policies/{draft['version']}/publish", {})
    client.must("PUT", "/v1/offers/failing", FAILING)


class Load:
    """Sends until it is stopped, from a few threads; whatever goes wrong is raised when it is stopped."""

    def __init__(self, client: Client, threads: int = 2):
        self.client, self.stopped, self.faults = client, threading.Event(), []
        self.threads = [threading.Thread(target=self._run, args=(seed,)) for seed in range(threads)]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.stopped.set()
        for thread in self.threads:
            thread.join()
        if self.faults:
            raise self.faults[0]

    def go_on(self, seconds: float) -> None:
        """Waits under load."""
        ends = time.monotonic() + seconds
        while time.monotonic() < ends and not self.faults:
            time.sleep(0.2)
        if self.faults:
            raise self.faults[0]

    def _run(self, seed: int) -> None:
        person = Person(self.client, random.Random(seed))
        try:
            while not self.stopped.is_set():
                person.act()
                time.sleep(0.02)
        except Exception as fault:  # noqa: BLE001 - it belongs to the thread that waits
            self.faults.append(fault)


class Person:
    """One sender after another: customers, advisors, campaigns."""

    def __init__(self, client: Client, chance: random.Random):
        self.client, self.chance = client, chance
        self.items = [
            item["id"] for item in self._recommend({"contact_point": "web_home", "n": 50})["results"]
        ]

    def act(self) -> None:
        self.chance.choice(
            [
                self.look,
                self.look,
                self.look,
                self.ask_with_wishes,
                self.go_on,
                self.do_something,
                self.do_something,
                self.be_offered,
                self.be_offered,
                self.be_offered,
                self.be_mailed,
                self.say_no,
                self.be_seen,
                self.be_written,
                self.blunder,
            ]
        )()

    def customer(self) -> str:
        return (
            str(self.chance.randint(1, 2469))
            if self.chance.random() < 0.8
            else f"new-{self.chance.randint(1, 50)}"
        )

    def look(self) -> None:
        who = {"customer_id": self.customer()} if self.chance.random() < 0.9 else {}
        self._recommend(
            {**who, "contact_point": self.chance.choice([*INBOUND, "web_basket"]), "explain": True}
        )

    def ask_with_wishes(self) -> None:
        wishes = self.chance.choice(
            [
                {"exclude_ids": self.items[:10]},
                {"session_items": self.chance.sample(self.items, 2)},
                {"filter": {"must": [{"key": "category", "match": {"value": "COFFEE FILTERS"}}]}, "n": 20},
                {"filter": {"must": [{"key": "category", "match": {"value": "no such category"}}]}},
            ]
        )
        self._recommend({"customer_id": self.customer(), "contact_point": "web_home", **wishes})

    def go_on(self) -> None:
        item = self.chance.choice(self.items)
        relation = self.chance.choice(["complement", "substitute"])
        self.client.must("POST", "/v1/cross-sell", {"item_ids": [item], "relation": relation, "n": 5})
        self.client.must("GET", f"/v1/items/{item}/similar?n=5")

    def do_something(self) -> None:
        ago = timedelta(seconds=self.chance.expovariate(1 / 30))
        event = {
            "type": self.chance.choice(KINDS),
            "customer_id": self.customer(),
            "item_id": self.chance.choice(self.items),
            "event_id": str(uuid.uuid4()),
            "at": (datetime.now(timezone.utc) - ago).isoformat(),
        }
        self.client.must("POST", "/v1/events", event)
        if self.chance.random() < 0.1:
            self.client.must("POST", "/v1/events", event)
            self.client.send("POST", "/v1/events", {**event, "quantity": 0})

    def be_offered(self) -> None:
        request = {"customer_id": self.customer(), "contact_point": self.chance.choice(INBOUND), "n": 2}
        self._respond(self.client.must("POST", "/v1/offers/next", request))

    def be_mailed(self) -> None:
        request = {
            "customer_id": self.customer(),
            "contact_point": self.chance.choice(["email", "sms"]),
            "n": 1,
        }
        decision = self.client.must("POST", "/v1/offers/next", request)
        if self.chance.random() < 0.5:
            self._respond(decision)

    def say_no(self) -> None:
        line = {
            "purpose": self.chance.choice(["marketing", "profiling"]),
            "source": "check",
            "status": self.chance.choice(["granted", "refused", "withdrawn"]),
        }
        self.client.must("PUT", f"/v1/customers/new-{self.chance.randint(1, 50)}/consents", line)

    def be_seen(self) -> None:
        customer = self.customer()
        self.client.must("GET", f"/v1/customers/{customer}")
        self.client.send("GET", f"/v1/customers/{customer}/churn")
        self.client.must("GET", f"/v1/customers/{customer}/why-not/failing?contact_point=web_home")
        self.client.must("POST", "/v1/customers/search", {"sort": "clv", "n": 5})
        self.client.must("POST", "/v1/customers/search", {"nearest_to": ["1"], "n": 5})

    def be_written(self) -> None:
        self.client.must(
            "PUT", f"/v1/customers/new-{self.chance.randint(1, 50)}", {"attributes": {"city": "Lyon"}}
        )
        self.client.must(
            "PUT", f"/v1/items/{self.chance.choice(self.items)}", {"attributes": {"category": "COFFEE"}}
        )

    def blunder(self) -> None:
        self.client.send("POST", "/v1/events", b"{", content_type="application/json")
        self.client.send("GET", "/v1/nothing")
        self.client.send("GET", "/v1/items/no-such-item/similar")
        self.client.send("GET", "/v1/customers/1", key="pf_wrong")

    def _recommend(self, request):
        return self.client.must("POST", "/v1/recommend", request)

    def _respond(self, decision) -> None:
        if not decision["results"] or not decision["kept"]:
            return
        response = {
            "decision_id": decision["decision_id"],
            "rank": 1,
            "outcome": self.chance.choice(OUTCOMES),
        }
        if response["outcome"] == "accepted":
            response["revenue"] = round(self.chance.uniform(-5, 40), 2)
        self.client.must("POST", "/v1/responses", response)
        if self.chance.random() < 0.1:
            self.client.must("POST", "/v1/responses", response)
