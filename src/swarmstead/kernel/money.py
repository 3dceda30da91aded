"""Money is a whole number of micro-dollars (1 USD = 1,000,000). Floats never hold money."""

from decimal import ROUND_CEILING, Decimal, InvalidOperation, localcontext

MICROS_PER_USD = 1_000_000
MOST_USD = 1_000_000_000  # far from the edge of 64 bits, so that sums of amounts fit too
_FOUR_DIGITS = 1_000  # below a tenth of a cent, four decimals would round everything away


def micros_from_usd(text: str | int | Decimal) -> int:
    """`"0.10"` -> 100_000. Rounds up, so that a cap or a price is never understated.

    Fails: ValueError when the text is not a finite, non-negative decimal, or is more than `MOST_USD`.
    """
    try:
        amount = Decimal(str(text))
    except InvalidOperation as error:
        raise ValueError(f"{text!r} is not an amount of dollars") from error
    if not amount.is_finite() or amount < 0:
        raise ValueError(f"{text!r} is not a non-negative amount of dollars")
    if amount > MOST_USD:
        raise ValueError(f"{text!r} is more than {MOST_USD:,} dollars")
    if amount and amount.adjusted() < -len(str(MICROS_PER_USD)):
        return 1  # whatever it is, it is less than a micro-dollar
    with localcontext() as exact:
        exact.prec = len(amount.as_tuple().digits) + len(str(MICROS_PER_USD))
        return int((amount * MICROS_PER_USD).to_integral_value(rounding=ROUND_CEILING))


def usd_text(micros: int) -> str:
    """`$1.84`, and four significant digits under a dollar: `$0.0431`."""
    sign, dollars = "-" if micros < 0 else "", Decimal(abs(micros)) / MICROS_PER_USD
    if dollars >= 1 or micros == 0:
        return f"{sign}${dollars:,.2f}"
    return f"{sign}${dollars:.4f}" if abs(micros) >= _FOUR_DIGITS else f"{sign}${dollars:.6f}"
