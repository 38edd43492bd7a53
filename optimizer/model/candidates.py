"""Which (line, lane, day, product, lot) the tables leave in the running, and why the others are not."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from optimizer.model import limits
from optimizer.model.batch import Batch
from optimizer.model.calendar import FOREVER
from optimizer.model.kit_parts import Kits, Parts
from optimizer.model.previous import keep_frozen
from optimizer.model.ragged import expand

Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]

REASONS = {
    "held": "the order is on hold",
    "closed_warehouse": "the warehouse is not open",
    "service_mismatch": "the order asks for another service or service level",
    "ineligible": "an eligibility rule keeps the warehouse from serving the line",
    "after_cancel": "it would arrive after the cancel date of the order",
    "below_step": "the line is smaller than one case pack or lot multiple",
    "pinned_off": "a pin allows nothing here",
    "no_stock": "less than one step of the product is available to promise at the warehouse",
    "expired": "the lot would be too old on arrival",
    "frozen": "the order is frozen, and its previous plan does not ship this way",
    "no_rate": "no weight band of the lane holds what would ship",
    "no_capacity": "a capacity or quota has no room for one step",
    "cannot_complete": "the delivery policy asks for all of it, and not all of it can be had",
    "below_min_fill": "all that can be had of the line is less than its min_fill_qty",
}


FROZEN_KEYS = ("line", "lane", "day", "source", "product")


class Candidates:
    """Arcs still in the running: named arrays of one length, thinned together, and what was lost by reason.

    An array follows when it is next asked for, through all thinnings since at once: most are asked for rarely.
    """

    def __init__(self, arrays: dict[str, Ints]) -> None:
        self.lost = dict.fromkeys(REASONS, 0)
        self._arrays = arrays
        self._size = len(arrays["line"])
        self._thinnings: list[Ints] = []
        self._followed = dict.fromkeys(arrays, 0)
        self._since: dict[int, tuple[int, Ints]] = {}

    def __getitem__(self, name: str) -> Ints:
        followed = self._followed[name]
        if followed < len(self._thinnings):
            self[name] = self._arrays[name].take(self._positions(followed))
        return self._arrays[name]

    def __setitem__(self, name: str, array: Ints) -> None:
        self._arrays[name] = array
        self._followed[name] = len(self._thinnings)

    def __contains__(self, name: str) -> bool:
        return name in self._arrays

    def __len__(self) -> int:
        return self._size

    @property
    def names(self) -> list[str]:
        return list(self._arrays)

    def pop(self, name: str) -> Ints:
        """An array that is no longer needed here."""
        array = self[name]
        del self._arrays[name]
        return array

    def keep(self, mask: Flags, reason: str) -> None:
        self.keep_all({reason: mask})

    def keep_all(self, masks: dict[str, Flags]) -> None:
        """Those that no mask drops, thinned once; each one lost counts under the first reason."""
        kept: Flags | None = None
        left = len(self)
        for reason, mask in masks.items():
            kept = mask if kept is None else kept & mask
            before, left = left, int(np.count_nonzero(kept))
            self.lost[reason] += before - left
        if kept is not None and left < len(self):
            self.take(np.flatnonzero(kept))

    def take(self, where: Ints) -> None:
        """These positions only, as often as they are named."""
        self._size = len(where)
        self._thinnings.append(where)

    def _positions(self, followed: int) -> Ints:
        """Where what is left stood after so many thinnings."""
        done, where = self._since.get(followed, (followed + 1, self._thinnings[followed]))
        for thinning in self._thinnings[done:]:
            where = where.take(thinning)
        self._since[followed] = len(self._thinnings), where
        return where


class Filters:
    """What the tables allow each (line, lane), looked up once and applied to candidates."""

    def __init__(self, batch: Batch, headroom: int) -> None:
        tables = self.tables = batch.tables
        self.batch, self.headroom = batch, headroom
        self.offers, self.supply = batch.offers, batch.supply
        self.kits = bool(self.offers.recipes.is_kit.any())
        self.dated = not batch.ship_days.none
        self.mortal = bool((self.supply.expiry < FOREVER).any())
        self.frozen = bool(tables.orders["frozen"].any())
        ordered = tables.order_lines["qty"][self.offers.line]
        self.whole = ordered // self.offers.multiple * self.offers.multiple
        self.services = limits.ServiceMatch.of(tables)
        blocked = limits.ineligible_pairs(tables)
        self.ineligible = limits.Index(blocked, len(tables.order_lines) * len(tables.warehouses))
        self.pins = limits.PinLimits.of(tables)
        self.quota = limits.quota_room(tables, headroom)
        self.capacities = limits.Capacities(batch, headroom)

    def sift(self, found: Candidates) -> Candidates:
        """The candidates that stay: each offer, day and lot by itself, ``want``, ``room`` and ``cap`` in ordered units.

        (``room``: of the stock; nothing is in whole steps yet.)
        """
        tables, offers = self.tables, self.offers
        mismatch = self.services.mismatch(found["order"], found["lane"])
        if mismatch is not None:
            found.keep(~mismatch, "service_mismatch")
        if len(self.ineligible):
            found.keep(self.ineligible.find(self._pair(found)) < 0, "ineligible")
        self._leave(found)
        self._offer(found)
        whole = self.whole[found["offer"]]
        found["want"] = self.pins.apply(found, tables.lane_service, whole)
        found.keep_all({"below_step": whole > 0, "pinned_off": found["want"] > 0})
        self._draw(found)
        usable = {"expired": self._good(found)} if self.mortal else {}
        if self.frozen:
            usable["frozen"] = keep_frozen(self.batch, *(found[name] for name in FROZEN_KEYS))
        found["room"] = self._room(found)
        found.keep_all(usable | {"no_stock": found["room"] >= offers.multiple[found["offer"]]})
        found["want"] = np.minimum(found["want"], self.quota[found["line"]])
        found["cap"] = np.minimum(found["want"], found["room"])
        self.capacities.lower(found["cap"], found)
        found.keep(found["cap"] > 0, "no_capacity")
        return found

    def _pair(self, found: Candidates) -> Ints:
        return found["line"] * len(self.tables.warehouses) + found["warehouse"]

    def _offer(self, found: Candidates) -> None:
        """Once for each product that may be shipped."""
        if self.offers.plain:
            found["offer"] = found["line"]
        else:
            start = self.offers.start
            owner, offer = expand(start[found["line"]], start[found["line"] + 1])
            found.take(owner)
            found["offer"] = offer
        found["product"] = self.offers.product[found["offer"]]

    def _leave(self, found: Candidates) -> None:
        """Once for each day on which it may leave."""
        batch = self.batch
        if self.dated:
            owner, day = batch.ship_days.expand(found["order"], found["warehouse"])
            found.take(owner)
            found["day"] = day
        else:
            found["day"] = np.zeros(len(found), dtype=np.int64)
        if batch.cancel_day.min(initial=FOREVER) < FOREVER:
            arrive = batch.arrival(found["lane"], found["day"])
            found.keep(arrive <= batch.cancel_day[found["order"]], "after_cancel")

    def _draw(self, found: Candidates) -> None:
        """Once for each lot that it may come from; kits have none of their own."""
        supply = self.supply
        pool = supply.find_pool(found["warehouse"], found["product"])
        if self.kits:
            kit = self._is_kit(found)
            pool = np.where(kit, -1, pool)
            stocked = (pool >= 0) | kit
        else:
            stocked = pool >= 0
        found["source"] = pool
        found.keep(stocked, "no_stock")
        if supply.has_lots:
            pool = found["source"]
            start, stop = supply.source_start[pool], supply.source_start[pool + 1]
            kit = pool < 0
            owner, source = expand(np.where(kit, -1, start), np.where(kit, 0, stop))
            found.take(owner)
            found["source"] = source

    def _good(self, found: Candidates) -> Flags:
        """Whether its lot would be good enough on arrival."""
        good = np.ones(len(found), dtype=bool)
        at = np.flatnonzero(np.append(self.supply.expiry < FOREVER, False)[found["source"]])  # a kit, -1, has no lot
        good[at] = self.batch.good_for(*(found[name][at] for name in ("source", "order", "lane", "day")))
        return good

    def _is_kit(self, found: Candidates) -> Flags:
        return self.offers.recipes.is_kit[found["product"]]

    def _room(self, found: Candidates) -> Ints:
        """Most ordered units that the stock could serve."""
        room = self.supply.room(found["source"], found["day"]) + self.headroom
        if self.kits:
            kit = np.flatnonzero(self._is_kit(found))
            room[kit] = Parts.of(self.batch, Kits.of(found, kit), self.headroom).room(len(kit))
        return room if self.offers.plain else self.offers.ordered(found["offer"], room)


def apply_narrow_pins(batch: Batch, found: Candidates) -> None:
    """Pins that name a day or a lot: they limit only what leaves then, or comes from there."""
    pins = batch.tables.pins
    narrow = limits.narrow_pins(batch.tables) & (pins["mode"] != "at_least")
    if not narrow.any():
        return
    pin, match = np.flatnonzero(narrow), limits.PinMatch.of(batch)
    start = np.searchsorted(found["line"], match.line[pin])
    place, arc = expand(start, np.searchsorted(found["line"], match.line[pin], side="right"))
    meant = match.match(pin[place], *(found[name][arc] for name in ("warehouse", "lane", "day", "source")))
    pin, arc = pin[place[meant]], arc[meant]
    np.minimum.at(found["want"], arc, np.where(pins["mode"][pin] == "forbid", 0, pins["qty"][pin]))
    found["cap"] = np.minimum(found["cap"], found["want"])
    found.keep(found["cap"] > 0, "pinned_off")
