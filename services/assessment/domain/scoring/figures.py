"""Figures: exact while they are worked out, so that no order of working changes them; decimals where they are shown."""

from decimal import Decimal
from fractions import Fraction

_SHOWN = 6


def half_up(exact: Fraction, places: int) -> Decimal:
    """四舍五入: a half goes away from zero."""
    scale = 10**places
    whole = int(abs(exact) * scale + Fraction(1, 2))
    return Decimal(-whole if exact < 0 else whole).scaleb(-places)


def shown(exact: Fraction | Decimal) -> Decimal:
    """As people read it: at most six decimals, none that say nothing."""
    plain = half_up(Fraction(exact), _SHOWN).normalize()
    return plain.quantize(Decimal(1)) if plain == plain.to_integral_value() else plain


def words(exact: Fraction | Decimal) -> str:
    return format(shown(exact), "f")


def percent(share: Fraction | Decimal) -> str:
    return f"{words(Fraction(share) * 100)}%"
