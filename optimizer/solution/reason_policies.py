"""Reasons that dates, lots, tariffs, reserves and money give, one sentence each."""

from __future__ import annotations

from optimizer.solution.reason_names import Names, Words, listed, units
from optimizer.solution.ways import BARRIERS, LIMITS


class PolicyWords(Names):
    """One method a reason, named after it; see `optimizer.solution.reason_text`."""

    def _frozen(self, place: int, at: int) -> Words:
        return Words(
            f"order {self.order(place)} is frozen: it keeps what the previous plan gave it", "unfreeze the order"
        )

    def _barred(self, place: int, barrier: str) -> list[str]:
        """The ways of a line that one barrier keeps from it, each once."""
        at = [way for way in self.ways_of(place) if BARRIERS[self.ways.barrier[way]] == barrier]
        return list(dict.fromkeys(self.lane(way) for way in at))

    def _cancel_date(self, place: int, at: int) -> Words:
        order = self.survey.order[place]
        last, ways = self.tables.orders["cancel_date"][order], list(self.ways_of(place))
        late = [way for way in ways if BARRIERS[self.ways.barrier[way]] == "cancel_date"]
        arrival = self.ledger.arrival(self.ways.lane[late], self.ways.day[late]).min()
        detail = f"order {self.order(place)} is cancelled after {last}; {listed(self._barred(place, 'cancel_date'))}"
        return Words(f"{detail} would arrive on {arrival} at the earliest", f"a cancel_date of {arrival}")

    def _remaining_life(self, place: int, at: int) -> Words:
        customer = self.tables.order_customer[self.survey.order[place]]
        days = int(self.tables.customers["min_remaining_life_days"][customer])
        where = listed(self._barred(place, "remaining_life"))
        goods = f"what there is of {self.product(place)} ({where}) would not keep {days} days after arrival"
        return Words(goods, "a lot that keeps longer")

    def _tariff(self, place: int, at: int) -> Words:
        where = listed(self._barred(place, "tariff"))
        return Words(f"no weight band of the tariff holds the shipment: {where}", "a rate band for its weight")

    def _reserve(self, place: int, at: int) -> Words:
        product, house = self.product(place), self.warehouse(at)
        left = int(self.ways.rooms[LIMITS.index("reserve"), at])
        detail = f"stock of {product} at {house} is held back for others by a reserve: {units(left)} may be taken"
        return Words(detail, self.change(at, "reserve", f"a reserve smaller by {self.lacking(at, 'reserve')}"))

    def _credit_limit(self, place: int, at: int) -> Words:
        customer = self.tables.order_customer[self.survey.order[place]]
        name = self.tables.customers["customer_id"][customer]
        limit = self.tables.customers["credit_limit"][[customer]].texts()[0]
        room = int(self.ways.rooms[LIMITS.index("credit_limit"), at])
        return Words(f"the credit limit of {name} ({limit}) leaves room for {units(room)}")

    def _fair_share(self, place: int, at: int) -> Words:
        """The groups in which the line's party has all that its share lets it have."""
        shares, line = self.ledger.batch.shares, self.verdicts.lines[place]
        proportional = self.tables.fair_share["rule"] == "proportional"
        party = [each for each in shares.party[shares.line == line].tolist() if proportional[shares.group[each]]]
        got = shares.allocated(self.ledger.allocated)
        said = [
            f"{shares.name[each]} has {got[each]} of {shares.ordered[each]} units in fair share "
            f"{self.tables.fair_share['group_id'][shares.group[each]]}"
            for each in party
        ]
        room = int(self.ways.rooms[LIMITS.index("fair_share"), at])
        more = "no more" if room <= 0 else f"only {units(room)} more"
        detail = f"{listed(said)}; the others' shares leave room for {more}"
        return Words(detail, "a larger tolerance of the fair share (not verified)")

    def _budget(self, place: int, at: int) -> Words:
        room = int(self.ways.rooms[LIMITS.index("budget"), at])
        return Words(f"a budget leaves room for {units(room)} from {self.lane(at)}")
