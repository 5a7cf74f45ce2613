"""How likely a count is by chance alone: exact tails, as logarithms, since the small ones are below any float."""

from functools import lru_cache
from math import exp, inf, lgamma, log, log1p


def fewer(count: int, of: int, others: int, of_others: int) -> float:
    """ln of the chance that a group has so few or fewer, if it is no different from the others (Fisher's exact test).

    `count` of `of` in the group, `others` of `of_others` beside it. 0 (certain) where there is nothing to compare.
    """
    marked, total = count + others, of + of_others
    least = max(0, marked - of_others)
    return _sum_logs([_hypergeometric(k, marked, of, total) for k in range(least, count + 1)])


def more(count: int, of: int, others: int, of_others: int) -> float:
    """ln of the chance that a group has so many or more, if it is no different from the others."""
    return fewer(of - count, of, of_others - others, of_others)


def binomial(count: int, of: int, share: float) -> float:
    """ln of the chance of so few or fewer among `of` that fall into a part with the chance `share` each."""
    if not 0 < share < 1:
        return 0.0
    return _sum_logs([_choose(of, k) + k * log(share) + (of - k) * log1p(-share) for k in range(count + 1)])


def empty(share: float, count: int) -> float:
    """ln of the chance (at most) that of `count` events in a row of time some run of this share of it has none."""
    if not 0 < share < 1:
        return 0.0
    return min(0.0, log(count + 1) + count * log1p(-share))


def _hypergeometric(k: int, marked: int, of: int, total: int) -> float:
    return _choose(of, k) + _choose(total - of, marked - k) - _choose(total, marked)


@lru_cache(maxsize=4096)
def _choose(of: int, k: int) -> float:
    return lgamma(of + 1) - lgamma(k + 1) - lgamma(of - k + 1) if 0 <= k <= of else -inf


def _sum_logs(parts: list[float]) -> float:
    top = max(parts, default=-inf)
    return -inf if top == -inf else min(0.0, top + log(sum(exp(part - top) for part in parts)))
