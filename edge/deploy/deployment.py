"""What is run: the profile, the settings that may be read by anybody, and which of them are files or secrets."""
from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePath
from typing import Literal
from urllib.parse import urlsplit

from edge import __version__
from edge.errors import SettingsError
from edge.settings import NAMES
from edge.tiers import PROFILES, Profile

IMAGE = f"lectern:{__version__}"

SECRETS = frozenset({
    "LECTERN_FASTLY_TOKEN", "LECTERN_CLOUDFLARE_TOKEN", "LECTERN_MEDIA_SECRET", "LECTERN_OIDC_PROVIDERS", "LECTERN_DESK_HOOK_SECRET",
    "LECTERN_YOUTUBE_KEY", "LECTERN_VIMEO_TOKEN"})
"""Settings that no generated file holds. So are all that are not ours: database, Redis, mail, cloud credentials."""

FILES = frozenset({"LECTERN_LOGO", "LECTERN_IMPRINT", "LECTERN_PRIVACY", "LECTERN_MEDIA_KEY_FILE"})
"""Settings that name a file of the machine: where processes run elsewhere, it is mounted there."""

OURS = frozenset({
    "LECTERN_DATA", "LECTERN_PORT", "LECTERN_LISTEN", "LECTERN_API_PROCESSES", "LECTERN_METRICS_PORT", "LECTERN_WORKER_METRICS_PORT",
    "LECTERN_DESK", "LECTERN_PROFILE", "LECTERN_BASE_URL", "LECTERN_TRUSTED_PROXIES"})
"""Settings that the deployment itself decides, for each process."""

API_PORT = 8000
API_METRICS_PORT = 9101
WORKER_METRICS_PORT = 9102
POOLER_PORT = 6432
PROCESSES = 2
"""Worker processes of one API instance: as many as it has processors."""

INSTANCES = (2, 20)
"""API instances, least and most: the guide's autoscaling."""

MEMORY_GIB = 4
RECYCLED_MIB = 1300
"""Two processes that are begun anew above this keep an instance under the guide's 3 GB."""

SCRAPE_S = 15

_IMAGE = re.compile(r"[a-z0-9][a-zA-Z0-9./_@:-]{0,254}")
_FILE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")

RedisKind = Literal["single", "cluster"]


@dataclass(frozen=True, slots=True)
class Deployment:
    """One site. *values*: every setting that has a value, as the environment gives it."""

    base_url: str
    profile: str
    store: str
    values: Mapping[str, str]
    desk: bool = False
    image: str = IMAGE
    affinity: bool = True  # a reader's requests go to one instance, where that can be had
    redis: RedisKind = "single"

    def __post_init__(self) -> None:
        if not _IMAGE.fullmatch(self.image):
            raise SettingsError(f"--image is {self.image!r}: write an image's name and tag, such as {IMAGE}.")

    @property
    def times(self) -> Profile:
        """What the profile sets."""
        return PROFILES[self.profile]

    @property
    def host(self) -> str:
        """The site's host, without a port."""
        return urlsplit(self.base_url).hostname or ""

    @property
    def version(self) -> str:
        """The image's tag, as it may stand in the name of a thing."""
        tag = self.image.partition("@")[0].rpartition(":")[2] if ":" in self.image else "latest"
        return re.sub(r"[^a-z0-9]+", "-", tag.lower()).strip("-")[:40] or "latest"

    @property
    def pooler_image(self) -> str:
        """The image of PgBouncer, which is built beside the other."""
        name, colon, tag = self.image.partition("@")[0].rpartition(":")
        return f"{name}-pooler:{tag}" if colon and "/" not in tag else f"{self.image}-pooler"

    @property
    def connections(self) -> int:
        """What the API's pools hold at most, all instances together."""
        return INSTANCES[1] * self.times.pool_per_instance

    def plain(self, folder: str = "") -> dict[str, str]:
        """The settings that are set, are no secret and are not the deployment's own. Files are named as they lie in *folder*; ""
        leaves their names as they are. Raises SettingsError for a file whose name cannot be one elsewhere."""
        found = {}
        for name in sorted(set(self.values) & (set(NAMES) - SECRETS - OURS)):
            text = self.values[name]
            if name in FILES and folder:
                file = PurePath(text).name
                if not _FILE.fullmatch(file):
                    raise SettingsError(f"{name} is {text!r}: give the file a name of letters, digits, . - and _.")
                text = f"{folder}/{file}"
            found[name] = text
        return found

    def needs_bucket(self, target: str) -> None:
        """Raises SettingsError where processes of several machines would share one file, or readers have no address to come by."""
        if not self.store.startswith("s3://"):
            raise SettingsError(f"{target} runs Lectern on several machines, which cannot share {self.store.partition(':')[0]}: set "
                                "LECTERN_STORE=s3://BUCKET/PREFIX.")
        if self.host in ("127.0.0.1", "localhost", "::1"):
            raise SettingsError(f"{target} needs the site's public address: set LECTERN_BASE_URL, such as https://lectures.example.")
