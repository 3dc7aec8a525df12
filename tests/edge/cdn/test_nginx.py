"""nginx knows no tags: it is purged by URL, and a release folds for it into URLs or everything."""
from __future__ import annotations

import pytest

from builder.folding import Changed, fold
from edge.address import Path, own_tag
from edge.cdn import open_purgers
from edge.cdn.nginx import Nginx
from edge.cdn.port import ALL, tag, url
from edge.config.cache_node import CacheNode, Upstream
from edge.origin import Origin
from edge.settings import read_settings
from edge.store.sqlite import SQLiteStore
from tests.edge.cdn import suite
from tests.edge.cdn.stands import BASE_URL, Stand
from tests.edge.fakes.nginx import lacks, running_nginx
from tests.edge.fakes.varnish import served


def test_it_passes_what_of_the_suite_needs_no_tags(store: SQLiteStore) -> None:
    if missing := lacks():
        pytest.skip(f"{missing} is not installed")
    with served(Origin(store)) as port:
        behind = Upstream("http", "127.0.0.1", port)
        with running_nginx(CacheNode(BASE_URL, "100k", (), behind, behind)) as edge:
            stand = Stand(store, edge, Nginx([edge.url], BASE_URL))
            suite.a_purge_by_url_reaches_the_error_of_a_page_that_comes_later(stand)
            for path in ("/videos/one/", "/videos/na%C3%AFve/"):
                for text, name in (("before", url(path)), ("after", url(path)), ("last", ALL)):
                    stand.publish(path, text)
                    stand.purger.purge([name])
                    seen = edge.get(path)
                    assert (seen.text, seen.hit) == (text, False)
                    assert edge.get(path).hit


def test_a_release_is_named_by_urls_and_over_its_budget_is_everything() -> None:
    nginx = Nginx(["http://127.0.0.1"], BASE_URL)
    assert not nginx.takes(tag("video:1"))

    def changed(n: int) -> Changed:
        path = Path(f"/videos/{n}/")
        return Changed(path, f"{own_tag(path)} video:{n} all", False)

    assert fold(nginx, [changed(n) for n in range(3)], 10**6) == [url(f"/videos/{n}/") for n in range(3)]
    assert fold(nginx, [changed(n) for n in range(nginx.can.budget_names + 1)], 10**6) == [ALL]


def test_the_settings_open_it() -> None:
    (purger,) = open_purgers(read_settings({"LECTERN_CDN": "nginx", "LECTERN_NGINX_URL": "http://10.0.0.4:8080"}))
    assert purger.name == "nginx"
