"""A plan as values for a program and as lines for a person: the same numbers, in the same order."""
from __future__ import annotations

from dataclasses import asdict, fields
from typing import Any, NamedTuple

from builder.capacity import prices
from builder.capacity.assumptions import Assumptions
from builder.capacity.figures import Figures
from builder.capacity.plan import OWN_CONNECTIONS, Plan


class Line(NamedTuple):
    """One row of a table: what, how much, and what that rests on."""

    what: str
    value: str
    note: str = ""


def as_values(plan: Plan, assumed: Assumptions, figures: Figures, reference: bool) -> dict[str, Any]:
    """All of it as one JSON object."""
    bill = asdict(plan.bill) | {"total_usd": plan.bill.total, "sources": list(prices.SOURCES), "read_on": prices.READ_ON}
    return {**asdict(plan), "bill": bill, "assumed": asdict(assumed), "figures": asdict(figures) | {"reference": reference}}


def tables(plan: Plan, assumed: Assumptions, figures: Figures, reference: bool) -> dict[str, list[Line]]:
    """The tables of a report, by their titles."""
    asked, needed, bill = plan.asked, plan.needed, plan.bill
    of_profile = f"{needed.profile_instances[0]} to {needed.profile_instances[1]} in profile {plan.profile}"
    return {
        "Requests a second, at the peak": [
            Line("edge", rate(asked.edge),
                 f"{rate(asked.pages)} pages, {rate(asked.pictures)} pictures, {rate(asked.assets)} scripts and styles"),
            Line("store", rate(asked.store),
                 f"{needed.hit_ratio:.2%} of all that may be kept are hits, {needed.page_hit_ratio:.2%} of the pages"),
            Line("API", rate(asked.api),
                 f"{rate(asked.overlay)} overlays, {rate(asked.progress)} of progress, {rate(asked.log_ins)} log-ins"),
            Line("database", rate(asked.database), f"statements; {rate(asked.writes)} transactions write"),
        ],
        "What that needs": [
            Line("API instances", f"{needed.instances:,}",
                 f"of 2 processors and 4 GB; {needed.api_cores:.1f} processors are at work; {of_profile}"),
            Line("memory of an instance", f"{needed.instance_memory_share:.0%}", "of its 4 GB, two processes"),
            Line("processors of the database", f"{needed.database_cores:.1f}",
                 f"of PostgreSQL's own time, {assumed.utilisation:.0%} busy; its largest machine has {assumed.database_cores}"),
            Line("connections without PgBouncer", f"{needed.connections:,}",
                 f"as many instances as may be started, every pool full; {OWN_CONNECTIONS} of the builder; max_connections is "
                 f"{needed.max_connections:,}"),
            Line("connections with PgBouncer", f"{needed.pooled_connections:,}", "from it to the server, transaction mode"),
            Line("memory of Redis", f"{needed.redis_bytes / 1e9:.2f} GB", "at most: overlays of their whole time, and limits"),
            Line("traffic to readers", f"{needed.egress_bits_per_s / 1e9:.2f} Gbit/s",
                 f"{bill.egress_tb:,.0f} TB a month, lectures not counted"),
        ],
        "What it costs a month, in USD": [
            *(Line(what, f"{usd:,.0f}") for what, usd in bill.usd.items()),
            Line("in all", f"{bill.total:,.0f}", f"{bill.total / plan.users * 1000:,.2f} for a thousand students at once; "
                 f"list prices as read in {prices.READ_ON}, without tax"),
        ],
        "Measured": [
            Line("on", figures.machine, f"{figures.measured_on}; " + (
                "reference figures, not of this machine: run `capacity --measure`" if reference else "by `capacity --measure`")),
            Line("a page from the origin", f"{figures.page_ms:.2f} ms",
                 f"of one processor; {figures.page_wall_per_s:,.0f} a second from one process"),
            Line("an overlay", f"{figures.overlay_ms:.2f} ms",
                 f"and {figures.overlay_db_ms:.2f} ms of PostgreSQL in {figures.overlay_statements:.1f} statements; "
                 f"{figures.overlay_wall_per_s:,.0f} a second from one process"),
            Line("a write of progress", f"{figures.progress_ms:.2f} ms", f"and {figures.progress_db_ms:.2f} ms of PostgreSQL in "
                 f"{figures.progress_statements:.1f} statements; {figures.progress_wall_per_s:,.0f} a second from one process"),
            Line("a log-in", f"{figures.login_ms:.1f} ms", f"and {figures.login_db_ms:.2f} ms of PostgreSQL"),
            Line("the overlay's statement", f"{figures.query_wall_ms:.2f} ms", "asked and answered, median"),
            Line("bytes", f"{figures.page_bytes:,.0f}", f"a page; {figures.overlay_bytes:,.0f} an overlay; {figures.assets_bytes:,.0f} in "
                 f"{figures.assets:.0f} files for a new browser"),
        ],
        "Assumed": [Line(f"--{one.name.replace('_', '-')}", f"{getattr(assumed, one.name):,g}", one.metadata["why"])
                    for one in fields(assumed)],
    }


def rate(per_s: float) -> str:
    """Requests a second, as many digits as say something."""
    return f"{per_s:,.0f}" if per_s >= 10 else f"{per_s:,.2g}"
