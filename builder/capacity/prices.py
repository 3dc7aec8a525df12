"""What things cost, each with its source and the day it was read. A plan shows both; contracts for such amounts are cheaper."""
from __future__ import annotations

from typing import NamedTuple

READ_ON = "2026-11"
SOURCES = (
    "Traffic and requests: \"Amazon CloudFront Pricing\", pay as you go, United States and Europe (aws.amazon.com/cloudfront/pricing)",
    "Functions at the edge: \"Amazon CloudFront Pricing\", CloudFront Functions, a call for each request and each answer of a page",
    "Requests to the store: \"Amazon S3 pricing\", GET, S3 Standard, US East",
    "Processors: Amazon EC2 m7g.large, us-east-1, on demand, 0.0816 USD an hour for two, as of June 2026. The same is set for API, "
    "PostgreSQL and Redis; as managed services the latter two cost about twice that",
)

GB = 1e9
TB = 1e12


class Step(NamedTuple):
    """A price that holds up to so many bytes of a month in all."""

    up_to_tb: float
    usd_a_gb: float


EGRESS = (Step(10, 0.085), Step(50, 0.080), Step(150, 0.060), Step(500, 0.040), Step(1024, 0.030), Step(5120, 0.025),
          Step(float("inf"), 0.020))
FREE_EGRESS_TB = 1
USD_A_REQUEST = 0.0100 / 10_000  # HTTPS
FREE_REQUESTS = 10_000_000
USD_A_FUNCTION = 0.10 / 1_000_000
USD_A_STORE_READ = 0.0004 / 1_000
USD_A_CORE_HOUR = 0.0816 / 2
GB_A_CORE = 4  # of m7g
HOURS_A_MONTH = 730
DAYS_A_MONTH = HOURS_A_MONTH / 24


def egress(tb: float) -> float:
    """USD a month for *tb* terabytes to readers."""
    left, usd, below = max(0.0, tb - FREE_EGRESS_TB), 0.0, 0.0
    for step in EGRESS:
        part = min(left, step.up_to_tb - below)
        usd += part * TB / GB * step.usd_a_gb
        left, below = left - part, step.up_to_tb
    return usd


def requests(count: float) -> float:
    """USD a month for *count* requests at the edge."""
    return max(0.0, count - FREE_REQUESTS) * USD_A_REQUEST
