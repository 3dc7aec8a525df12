"""systemd: the units of one machine, with `lectern.target` as their entry, and a crontab for a machine without systemd.

They stand for a project in /srv/lectern, whose `.env` holds the settings, run by the user `lectern`.
"""
from __future__ import annotations

from collections.abc import Mapping

from edge.deploy.deployment import Deployment
from edge.deploy.template import filled

HOME = "/srv/lectern"

_SERVICES = (
    # name, what it does, command, seconds that it may take to end, seconds that it may run (0: for ever)
    ("api", "site and API", "serve", 15, 0),
    ("worker", "the worker, which publishes each edit", "watch", 15, 0),
    ("refresh", "ask providers for lengths, pictures and what is gone, then build", "refresh", 15, 50 * 60),
    ("verify", "compare the store with what it should hold", "verify", 15, 4 * 60 * 60),
)
_TIMERS = (("refresh", "hourly", "30min"), ("verify", "*-*-* 03:00", "45min"))


def files(deployment: Deployment) -> Mapping[str, str]:
    """``lectern.target``, services, timers, ``refresh.cron``. Raises SettingsError for a path that no unit can hold."""
    made = {"lectern.target": filled("systemd", "target.j2")}
    writable = sorted({deployment.values.get("LECTERN_DATA", ".lectern"), *_beside(deployment.store)})
    paths = [path if path.startswith("/") else f"{HOME}/{path}" for path in writable]
    for name, what, command, end_s, run_s in _SERVICES:
        made[f"lectern-{name}.service"] = filled("systemd", "service.j2", name=name, what=what, command=command, end_s=end_s, run_s=run_s,
                                                 home=HOME, writable=paths)
    for name, when, spread in _TIMERS:
        made[f"lectern-{name}.timer"] = filled("systemd", "timer.j2", name=name, when=when, spread=spread)
    made["refresh.cron"] = filled("systemd", "cron.j2", home=HOME)
    return made


def _beside(store: str) -> list[str]:
    """The folder of a store that is a file."""
    return ["/" + store.removeprefix("sqlite://").strip("/").rpartition("/")[0]] if store.startswith("sqlite://") else []
