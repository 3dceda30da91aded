"""Money is a whole number of micro-dollars (1 USD = 1,000,000). Floats never hold money."""

from decimal import ROUND_CEILING, Decimal, InvalidOperation

MICROS_PER_USD = 1_000_000
_FOUR_DIGITS = 1_000  # below a tenth of a cent, four decimals would round everything away


def micros_from_usd(text: str | int | Decimal) -> int:
    """`"0.10"` -> 100_000. Rounds up, so that a cap or a price is never understated.

    Fails: ValueError when the text is not a finite, non-negative decimal.
    """
    try:
        amount = Decimal(str(text))
    except InvalidOperation as error:
        raise ValueError(f"{text!r} is not an amount of dollars") from error
    if not amount.is_finite() or amount < 0:
        raise ValueError(f"{text!r} is not a non-negative amount of dollars")
    return int((amount * MICROS_PER_USD).to_integral_value(rounding=ROUND_CEILING))


def usd_text(micros: int) -> str:
    """`$1.84`, and four significant digits under a dollar: `$0.0431`."""
    dollars = Decimal(micros) / MICROS_PER_USD
    if abs(dollars) >= 1 or micros == 0:
        return f"${dollars:,.2f}"
    return f"${dollars:.4f}" if abs(micros) >= _FOUR_DIGITS else f"${dollars:.6f}"
