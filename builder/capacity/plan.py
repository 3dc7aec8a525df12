"""From students at once to what each layer is asked, needs and costs; and where that breaks."""
from __future__ import annotations

from dataclasses import dataclass
from math import ceil

from builder.capacity import hits, prices
from builder.capacity.assumptions import Assumptions
from builder.capacity.figures import Figures
from edge.tiers import DAY_S, PROFILES, WINDOW_S, Profile, stale_s

CORES_AN_INSTANCE = 2
MEMORY_AN_INSTANCE = 4e9
HIT_GOAL = 0.8
OWN_CONNECTIONS = 10  # builder, worker's threads, bell, the background threads' margin
SPARE_CONNECTIONS = 3  # superuser_reserved_connections, PostgreSQL's default
BURST = 3  # connections that a pooler holds for one that is busy on average: arrivals come in crowds
MOST_CONNECTIONS = 1_000
"""Of one PostgreSQL: each is a process with some megabytes of its own, and all are looked through for every snapshot."""
REDIS_KEY_BYTES = 150  # of a value's key and bookkeeping
LIMIT_KEYS = 2  # a student counts by session and by address
LIMIT_BYTES = 120
PAGE_FUNCTIONS = 2  # viewer request and viewer response


@dataclass(frozen=True, slots=True)
class Asked:
    """Requests a second, at the peak."""

    pages: float
    pictures: float
    assets: float
    overlay: float
    progress: float
    log_ins: float
    edge: float  # all of these
    store: float
    api: float
    database: float  # statements
    writes: float  # of these transactions that write


@dataclass(frozen=True, slots=True)
class Needed:
    """Machines, connections, memory."""

    hit_ratio: float  # of all that may be kept
    page_hit_ratio: float
    api_cores: float
    instances: int  # for this load, and no less than the profile's least
    profile_instances: tuple[int, int]
    instance_memory_share: float
    database_cores: float
    max_connections: int
    connections: int  # without a pooler: as many instances as the autoscaler may start, every pool full
    pooled_connections: int  # with PgBouncer in transaction mode
    redis_bytes: float
    egress_bits_per_s: float


@dataclass(frozen=True, slots=True)
class Bill:
    """USD a month."""

    egress_tb: float
    requests: float
    usd: dict[str, float]

    @property
    def total(self) -> float:
        """All of it."""
        return sum(self.usd.values())


@dataclass(frozen=True, slots=True)
class Warned:
    """Where the plan breaks, and what to do."""

    what: str
    do: str


@dataclass(frozen=True, slots=True)
class Plan:
    """For *users* at once."""

    users: int
    profile: str
    asked: Asked
    needed: Needed
    bill: Bill
    warned: tuple[Warned, ...]


def profile_for(users: int) -> str:
    """The smallest profile that is meant for so many."""
    for name, most in (("100k", 100_000), ("500k", 500_000)):
        if users <= most:
            return name
    return "1m"


def plan(users: int, profile: str, assumed: Assumptions, figures: Figures) -> Plan:
    """The whole plan. *profile*: a name of `edge.tiers.PROFILES`."""
    times = PROFILES[profile]
    asked, shares = _asked(users, times, assumed, figures)
    needed = _needed(asked, shares, users, times, assumed, figures)
    bill = _bill(asked, needed, assumed, figures)
    return Plan(users, profile, asked, needed, bill, tuple(_warned(asked, needed, bill, times, assumed)))


@dataclass(frozen=True, slots=True)
class _Shares:
    all: hits.Share
    pages: hits.Share


def _asked(users: int, times: Profile, assumed: Assumptions, figures: Figures) -> tuple[Asked, _Shares]:
    pages = users / assumed.think_s
    visits = pages / assumed.pages_a_visit
    pictures = pages * assumed.pictures_a_page
    assets = visits * assumed.new_visitors * figures.assets
    overlay = pages * assumed.signed_in * assumed.overlay_a_page
    progress = users * assumed.signed_in * assumed.watching / assumed.progress_s
    log_ins = visits * assumed.log_ins_a_visit
    of_pages, of_pictures = _page_shares(pages, times, assumed), _picture_share(pictures, times, assumed)
    kept = pages + pictures + assets
    # Scripts and styles are a dozen files that are kept for a year: a fetch of them is a rounding error.
    everything = hits.Share((pages * of_pages.hit + pictures * of_pictures.hit + assets) / kept,
                            (pages * of_pages.fetched + pictures * of_pictures.fetched) / kept)
    api = overlay + progress + log_ins
    statements = overlay * figures.overlay_statements + progress * figures.progress_statements + log_ins * figures.login_statements
    return Asked(pages, pictures, assets, overlay, progress, log_ins, edge=kept + api, store=kept * everything.fetched, api=api,
                 database=statements, writes=progress + log_ins), _Shares(everything, of_pages)


def _page_shares(pages: float, times: Profile, assumed: Assumptions) -> hits.Share:
    at_one = pages / assumed.points
    listed, shown = assumed.lists, assumed.videos * 2  # subjects and instructors have together about as many pages as there are videos
    purged_per_s = assumed.publishes_a_day * assumed.pages_a_publish / (listed + shown) / DAY_S
    lists = hits.pages(at_one * assumed.list_views, hits.zipf(listed, assumed.zipf), times.catalog_s, stale_s("catalog", times.name),
                       purged_per_s)
    videos = hits.pages(at_one * (1 - assumed.list_views), hits.zipf(shown, assumed.zipf), times.metadata_s,
                        stale_s("metadata", times.name), purged_per_s)
    return hits.Share(*(assumed.list_views * a + (1 - assumed.list_views) * b for a, b in zip(lists, videos, strict=True)))


def _picture_share(pictures: float, times: Profile, assumed: Assumptions) -> hits.Share:
    return hits.pages(pictures / assumed.points, hits.zipf(assumed.videos, assumed.zipf), times.media_s, stale_s("named", times.name))


def _needed(asked: Asked, shares: _Shares, users: int, times: Profile, assumed: Assumptions, figures: Figures) -> Needed:
    def cores(overlay_ms: float, progress_ms: float, login_ms: float) -> float:
        spent_ms = asked.overlay * overlay_ms + asked.progress * progress_ms + asked.log_ins * login_ms
        return spent_ms / 1000 / assumed.utilisation

    api_cores = cores(figures.overlay_ms, figures.progress_ms, figures.login_ms)
    database_cores = cores(figures.overlay_db_ms, figures.progress_db_ms, figures.login_db_ms)
    instances = max(times.instances[0], ceil(api_cores / CORES_AN_INSTANCE))
    busy = asked.database * figures.query_wall_ms / 1000
    pooled = max(ceil(busy * BURST), ceil(min(database_cores, assumed.database_cores)) * 2) + OWN_CONNECTIONS
    kept_overlays = asked.overlay * times.user_s  # all that were made within their time: an upper bound, since some are hits
    redis_bytes = kept_overlays * (figures.overlay_bytes + REDIS_KEY_BYTES) + users * assumed.signed_in * LIMIT_KEYS * LIMIT_BYTES
    bytes_per_s = (asked.pages * figures.page_bytes + asked.pictures * assumed.picture_bytes
                   + asked.assets * figures.assets_bytes / figures.assets + asked.api * figures.overlay_bytes)
    return Needed(shares.all.hit, shares.pages.hit, api_cores, instances, times.instances,
                  CORES_AN_INSTANCE * figures.instance_bytes / MEMORY_AN_INSTANCE, database_cores, assumed.max_connections,
                  max(instances, times.instances[1]) * times.pool_per_instance + OWN_CONNECTIONS, pooled, redis_bytes, bytes_per_s * 8)


def _bill(asked: Asked, needed: Needed, assumed: Assumptions, figures: Figures) -> Bill:
    peak_s = assumed.busy_hours * 3600 * prices.DAYS_A_MONTH
    tb = needed.egress_bits_per_s / 8 * peak_s / prices.TB
    requests = asked.edge * peak_s
    core_month = prices.USD_A_CORE_HOUR * prices.HOURS_A_MONTH
    redis_cores = ceil(needed.redis_bytes / prices.GB / prices.GB_A_CORE)
    # Instances come and go with the load; the database, and half of the profile's least, stay.
    instance_hours = needed.instances * assumed.busy_hours / 24 + needed.profile_instances[0] * (1 - assumed.busy_hours / 24)
    return Bill(tb, requests, {
        "traffic": prices.egress(tb),
        "requests": prices.requests(requests),
        "functions at the edge": (asked.pages + asked.pictures + asked.assets) * PAGE_FUNCTIONS * peak_s * prices.USD_A_FUNCTION,
        "store": asked.store * peak_s * prices.USD_A_STORE_READ,
        "API": instance_hours * CORES_AN_INSTANCE * core_month,
        "database and a replica": ceil(needed.database_cores) * 2 * core_month,
        "Redis": redis_cores * core_month,
    })


def _warned(asked: Asked, needed: Needed, bill: Bill, times: Profile, assumed: Assumptions) -> list[Warned]:
    found = []

    def breaks(broken: bool, what: str, do: str) -> None:
        if broken:
            found.append(Warned(what, do))

    room = needed.max_connections - SPARE_CONNECTIONS
    breaks(needed.connections > room,
           f"{max(needed.instances, times.instances[1])} instances, as many as may be started, of {times.pool_per_instance} connections "
           f"each make {needed.connections:,} on one PostgreSQL, whose max_connections is {needed.max_connections:,}",
           f"put PgBouncer in transaction mode before it (about {needed.pooled_connections} connections to the server), and set "
           "DATABASE_URL to it and DATABASE_DIRECT_URL past it")
    breaks(needed.pooled_connections > room,
           f"even behind PgBouncer {needed.pooled_connections} connections are wanted, and max_connections is {needed.max_connections:,}",
           f"raise max_connections to {needed.pooled_connections + SPARE_CONNECTIONS + OWN_CONNECTIONS}")
    breaks(needed.max_connections > MOST_CONNECTIONS, f"max_connections {needed.max_connections:,} is more than one PostgreSQL holds well",
           f"keep it under {MOST_CONNECTIONS:,} and put PgBouncer before it")
    most = needed.profile_instances[1]
    breaks(needed.instances > most,
           f"{needed.instances} instances are needed where the profile {times.name} scales to {most}",
           f"raise the autoscaler's maximum to {needed.instances}, or give an instance more processors")
    breaks(needed.database_cores > assumed.database_cores,
           f"the database is at work on {needed.database_cores:.0f} processors, and its largest machine has {assumed.database_cores}",
           "set DATABASE_REPLICA_URL, so that overlays are read from a replica; then shorten what is written: a longer progress interval")
    breaks(needed.redis_bytes / prices.GB > assumed.redis_gb,
           f"Redis holds {needed.redis_bytes / prices.GB:.1f} GB, more than one of {assumed.redis_gb:g} GB",
           "make it a cluster (REDIS_URL=redis+cluster://…), or let it forget the least used: maxmemory-policy allkeys-lru costs hits, "
           "never a right answer")
    breaks(needed.page_hit_ratio < HIT_GOAL,
           f"only {needed.page_hit_ratio:.0%} of the pages are found at the edge, the goal is {HIT_GOAL:.0%}",
           "put a shield before the store, so that the points of presence share what one has fetched; or a profile with longer times")
    breaks(needed.instance_memory_share > 0.75,
           f"an instance fills {needed.instance_memory_share:.0%} of its 4 GB", "give it more, or fewer processes")
    asks = WINDOW_S * (assumed.signed_in * assumed.overlay_a_page / assumed.think_s + 1 / assumed.progress_s)
    breaks(asks > times.requests_per_window,
           f"a student asks {asks:.0f} times in 15 minutes, and the profile {times.name} lets {times.requests_per_window} pass",
           "take a larger profile")
    requests_usd = bill.usd["requests"] + bill.usd["functions at the edge"]
    breaks(requests_usd > 10_000 and requests_usd > bill.total / 2,
           f"requests at the edge cost {requests_usd:,.0f} USD of {bill.total:,.0f} a month, more than all else",
           "agree on a price for such an amount, send the API past the CDN, or run Varnish at hosts that bill by line (config varnish)")
    return found
