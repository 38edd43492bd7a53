"""Vectors of exact numbers.

Money, weights and rates are decimals in the input and stay exact: a vector holds integers and one power of ten,
``value = num / 10**scale``. As long as a proven bound fits, the integers are machine integers and everything is
vectorised; beyond that they become Python integers, and for quotients that no decimal can hold, fractions. The caller
sees one type and never a rounding.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from decimal import ROUND_HALF_EVEN, Decimal
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

INT64_SAFE = 2**62
"""Every machine integer is kept below this, so that one more addition cannot overflow."""

Ints = NDArray[np.int64]
Number = int | Decimal | Fraction


def taken(array: NDArray[Any], positions: NDArray[Any]) -> NDArray[Any]:
    """What stands at these positions, or where it is flagged; for positions a third faster than by an index."""
    return array[positions] if positions.dtype == bool else array.take(positions)


def _peak(num: NDArray[Any]) -> int:
    """The largest absolute value in ``num``, as a Python integer (rounded up for fractions)."""
    if num.size == 0:
        return 0
    if num.dtype == np.int64:
        if num.strides == (0,):  # one number, repeated
            return abs(int(num[0]))
        return max(abs(int(num.max())), abs(int(num.min())))
    return max(int(abs(value)) + 1 for value in num)


def _demote(num: NDArray[Any]) -> NDArray[Any]:
    """Machine integers where they fit; the same vector otherwise."""
    if num.dtype == np.int64:
        return num
    if all(isinstance(value, int) or value.denominator == 1 for value in num) and _peak(num) < INT64_SAFE:
        return np.array([int(value) for value in num], dtype=np.int64)
    return num


class Exact:
    """A vector of exact numbers, ``num / 10**scale`` elementwise.

    ``num`` is int64 where that provably suffices, otherwise an object array of Python integers or fractions.
    Supports ``+ - *`` with vectors, integer arrays and single numbers, indexing, sums, comparisons and maxima.
    """

    __slots__ = ("_most", "num", "scale")
    __array_ufunc__ = None  # numpy must not take over `array * Exact`

    def __init__(self, num: NDArray[Any], scale: int = 0, most: int | None = None) -> None:
        """``most``: no absolute value of machine integers exceeds it, where that is known without looking."""
        self.num = num
        self.scale = scale
        self._most = most

    @property
    def most(self) -> int:
        """No absolute value in ``num`` exceeds this; looked for once, and handed on to what is made of the vector."""
        if self._most is None:
            self._most = _peak(self.num)
        return self._most

    def _is_below(self, limit: int, times: int = 1) -> bool:
        """Whether every absolute value, ``times`` so many, stays below a limit: by what is known, else by looking."""
        if self.most * times < limit:
            return True
        self._most = _peak(self.num)
        return self._most * times < limit

    # -- making -------------------------------------------------------------------------------------------------
    @classmethod
    def of(cls, values: Iterable[Number]) -> Exact:
        """From Python numbers; floats are refused because they are not exact."""
        items = list(values)
        if any(isinstance(value, float) for value in items):
            raise TypeError("floats are not exact; pass int, Decimal or Fraction")
        fractions = [Fraction(value) for value in items]
        scale = max((_decimal_places(value) or 0 for value in fractions), default=0)
        num = np.empty(len(fractions), dtype=object)
        factor = 10**scale
        for position, value in enumerate(fractions):
            scaled = value * factor
            num[position] = int(scaled) if scaled.denominator == 1 else scaled
        return cls(_demote(num), scale)

    @classmethod
    def zeros(cls, size: int) -> Exact:
        return cls(np.zeros(size, dtype=np.int64), 0)

    @classmethod
    def full(cls, size: int, value: Number) -> Exact:
        one = cls.of([value])
        return one.take(np.zeros(size, dtype=np.int64))

    @classmethod
    def ints(cls, values: NDArray[Any]) -> Exact:
        """From an array of whole numbers."""
        return cls(np.asarray(values, dtype=np.int64), 0)

    @classmethod
    def concat(cls, parts: Iterable[Exact]) -> Exact:
        pieces = list(parts)
        scale = max((piece.scale for piece in pieces), default=0)
        nums = [piece.rescaled(scale).num for piece in pieces]
        if not nums:
            return cls.zeros(0)
        if any(num.dtype == object for num in nums):
            nums = [num.astype(object) for num in nums]
        return cls(np.concatenate(nums), scale)

    # -- looking ------------------------------------------------------------------------------------------------
    def __len__(self) -> int:
        return len(self.num)

    def __repr__(self) -> str:
        return f"Exact({[str(value) for value in self.fractions()[:8]]}{'...' if len(self) > 8 else ''})"

    def item(self, position: int) -> Fraction:
        value = self.num[position]
        return Fraction(value if isinstance(value, Fraction) else int(value)) * Fraction(1, 10**self.scale)

    def fractions(self) -> list[Fraction]:
        return [self.item(position) for position in range(len(self))]

    def floats(self) -> NDArray[np.float64]:
        """Nearest doubles, for engines and charts only."""
        if self.num.dtype == np.int64 and self.scale <= 22 and self._is_below(2**53):
            exact: NDArray[np.float64] = self.num / 10.0**self.scale  # both exact: one correctly rounded division
            return exact
        quotients = self.num.astype(object) / 10**self.scale  # Python divides whole numbers with one correct rounding
        return np.array([float(value) for value in quotients], dtype=np.float64)

    def texts(self, places: int = 12) -> list[str]:
        """Plain decimals: all digits where they end, else rounded half-even to ``places``."""
        if self.num.dtype == np.int64 and self.scale == 0:
            return list(map(str, self.num.tolist()))
        if self.num.dtype != np.int64 or self.scale > 18:
            return [decimal_text(value, places) for value in self.fractions()]
        whole, rest = np.divmod(np.abs(self.num), 10**self.scale)  # machine integers: a million cells in a second
        tails = [str(value).rjust(self.scale, "0").rstrip("0") for value in rest.tolist()]
        texts = [f"{units}.{tail}" if tail else str(units) for units, tail in zip(whole.tolist(), tails, strict=True)]
        return [f"-{text}" if minus else text for text, minus in zip(texts, (self.num < 0).tolist(), strict=True)]

    # -- shape --------------------------------------------------------------------------------------------------
    def __getitem__(self, where: Any) -> Exact:
        return Exact(self.num[where], self.scale)

    def take(self, positions: NDArray[Any]) -> Exact:
        """These values, or those that are flagged."""
        cheap = self.num.dtype == np.int64 and len(self) <= len(positions)  # to look here rather than at what is taken
        return Exact(taken(self.num, positions), self.scale, self.most if cheap else self._most)

    def put(self, positions: NDArray[Any], other: Exact) -> Exact:
        """These values, others at some positions."""
        left, right = _aligned(self, other)
        num = left.num.astype(object if right.num.dtype == object else left.num.dtype)
        num[positions] = right.num
        return Exact(num, left.scale)

    def rescaled(self, scale: int) -> Exact:
        """The same values with a larger power of ten."""
        if scale == self.scale:
            return self
        if scale < self.scale:
            raise ValueError("rescaling down would round")
        factor = 10 ** (scale - self.scale)
        if self.num.dtype == np.int64 and factor < INT64_SAFE and self._is_below(INT64_SAFE, factor):
            return Exact(self.num * factor, scale, self.most * factor)
        return Exact(self.num.astype(object) * factor, scale)

    # -- arithmetic ---------------------------------------------------------------------------------------------
    def __add__(self, other: Any) -> Exact:
        left, right = _aligned(self, _lift(other, len(self)))
        a, b = left.num, right.num
        if a.dtype != np.int64 or b.dtype != np.int64:
            return Exact(a + b, left.scale)
        if left.most + right.most < INT64_SAFE or _peak(a) + _peak(b) < INT64_SAFE:
            return Exact(a + b, left.scale, left.most + right.most)
        return Exact(a.astype(object) + b, left.scale)

    def __neg__(self) -> Exact:
        return Exact(-self.num, self.scale, self._most)

    def __sub__(self, other: Any) -> Exact:
        return self + (-_lift(other, len(self)))

    def __rsub__(self, other: Any) -> Exact:
        return _lift(other, len(self)) - self

    def __mul__(self, other: Any) -> Exact:
        right = _lift(other, len(self))
        a, b, scale = self.num, right.num, self.scale + right.scale
        if a.dtype != np.int64 or b.dtype != np.int64:
            return Exact(a * b, scale)
        if self.most * right.most < INT64_SAFE or _peak(a) * _peak(b) < INT64_SAFE:
            return Exact(a * b, scale, self.most * right.most)
        return Exact(a.astype(object) * b, scale)

    __radd__ = __add__
    __rmul__ = __mul__

    def over(self, divisors: NDArray[Any]) -> Exact:
        """Elementwise quotient by positive whole numbers; stays decimal where the quotients are."""
        by = np.asarray(divisors)
        if self.num.dtype == np.int64 and by.dtype == np.int64:
            quotient = _machine_quotient(self.num, by)
            if quotient is not None:
                return Exact(quotient[0], self.scale + quotient[1])
        by = by.astype(object)
        whole = np.asarray(self.num % by == 0, dtype=bool)
        if whole.all():
            return Exact(_demote(self.num // by), self.scale)
        return Exact.of(value / divisor for value, divisor in zip(self.fractions(), by.tolist(), strict=True))

    def floor_over(self, divisor: Number) -> NDArray[Any]:
        """Largest whole n with n * divisor <= value, elementwise."""
        return np.array([value // Fraction(divisor) for value in self.fractions()], dtype=object)

    # -- sums ---------------------------------------------------------------------------------------------------
    def sum(self) -> Fraction:
        if self.num.dtype == np.int64 and self._is_below(INT64_SAFE, max(len(self), 1)):
            return Fraction(int(self.num.sum()), 10**self.scale)
        total: Fraction = Fraction(sum(self.num.tolist())) / 10**self.scale
        return total

    def sum_by(self, codes: NDArray[Any], size: int) -> Exact:
        """Totals of the elements that share a code, for codes 0..size-1."""
        num = self.num
        if num.dtype == np.int64 and not self._is_below(INT64_SAFE, max(len(self), 1)):
            num = num.astype(object)
        total = np.zeros(size, dtype=num.dtype)
        np.add.at(total, np.asarray(codes), num)
        return Exact(total, self.scale)

    # -- order --------------------------------------------------------------------------------------------------
    def maximum(self, other: Any) -> Exact:
        left, right = _aligned(self, _lift(other, len(self)))
        return Exact(np.where(left.num >= right.num, left.num, right.num), left.scale)

    def minimum(self, other: Any) -> Exact:
        left, right = _aligned(self, _lift(other, len(self)))
        return Exact(np.where(left.num <= right.num, left.num, right.num), left.scale)

    def where(self, mask: NDArray[np.bool_], other: Any) -> Exact:
        """These values where ``mask`` holds, ``other`` elsewhere."""
        left, right = _aligned(self, _lift(other, len(self)))
        return Exact(np.where(mask, left.num, right.num), left.scale)

    def _compare(self, other: Any, test: Callable[[Any, Any], Any]) -> NDArray[np.bool_]:
        left, right = _aligned(self, _lift(other, len(self)))
        return np.asarray(test(left.num, right.num), dtype=bool)

    def __lt__(self, other: Any) -> NDArray[np.bool_]:
        return self._compare(other, lambda a, b: a < b)

    def __le__(self, other: Any) -> NDArray[np.bool_]:
        return self._compare(other, lambda a, b: a <= b)

    def __gt__(self, other: Any) -> NDArray[np.bool_]:
        return self._compare(other, lambda a, b: a > b)

    def __ge__(self, other: Any) -> NDArray[np.bool_]:
        return self._compare(other, lambda a, b: a >= b)

    def equals(self, other: Any) -> NDArray[np.bool_]:
        """Elementwise equality (``==`` keeps Python's meaning of identity for containers)."""
        return self._compare(other, lambda a, b: a == b)


def _machine_quotient(num: Ints, by: Ints) -> tuple[Ints, int] | None:
    """``num / by`` as machine integers and a power of ten; None where a quotient never ends or might not fit."""
    common = np.gcd(np.abs(num), by)
    top, rest = num // common, by // common
    places = next((places for places in range(19) if not np.any(10**places % rest)), None)
    if places is None or _peak(top) * 10**places >= INT64_SAFE:
        return None
    return top * (10**places // rest), places


def _lift(value: Any, size: int) -> Exact:
    if isinstance(value, Exact):
        return value
    if isinstance(value, np.ndarray):
        if value.dtype.kind == "f":
            raise TypeError("floats are not exact")
        return Exact(value.astype(np.int64, copy=False) if value.dtype.kind in "iub" else value, 0)
    value = value.item() if isinstance(value, np.integer) else value
    if isinstance(value, int) and abs(value) < INT64_SAFE:
        return Exact(np.broadcast_to(np.int64(value), (size,)), 0, abs(value))
    one = Exact.of([value])
    return Exact(np.broadcast_to(one.num, (size,)), one.scale)


def _aligned(left: Exact, right: Exact) -> tuple[Exact, Exact]:
    scale = max(left.scale, right.scale)
    return left.rescaled(scale), right.rescaled(scale)


def _decimal_places(value: Fraction) -> int | None:
    """How many decimals write ``value`` exactly; None if it never ends."""
    rest, twos, fives = value.denominator, 0, 0
    while rest % 2 == 0:
        rest, twos = rest // 2, twos + 1
    while rest % 5 == 0:
        rest, fives = rest // 5, fives + 1
    return max(twos, fives) if rest == 1 else None


def decimal_text(value: Fraction | int, places: int = 12) -> str:
    """A plain decimal: exact where the digits end, else rounded half-even to ``places`` decimals."""
    value = Fraction(value)
    ends = _decimal_places(value)
    digits = places if ends is None else ends
    whole = round_half_even(value * 10**digits)
    sign = "-" if whole < 0 else ""
    text = str(abs(whole)).rjust(digits + 1, "0")
    if digits == 0:
        return sign + text
    text = f"{text[:-digits]}.{text[-digits:]}".rstrip("0").rstrip(".")
    return (sign + text) if text.strip("0.") else "0"


def round_half_even(value: Fraction) -> int:
    """The nearest whole number, ties to even: the one named rounding rule."""
    return round(value)


def money_text(value: Fraction | int, places: int = 2) -> str:
    """A total for display, in minor units, half-even, with thousands separated."""
    minor = Decimal(round_half_even(Fraction(value) * 10**places)).scaleb(-places)
    return f"{minor.quantize(Decimal(1).scaleb(-places), ROUND_HALF_EVEN):,}"
