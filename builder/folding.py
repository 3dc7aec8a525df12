"""Which names have a CDN forget what a release changed, folded to what it takes: own tags, then groups, then everything. Pure."""
from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from edge.cdn.port import ALL, Name, Purger, tag, url

WHOLE = 0.9
"""A release that changes so much of the site names everything: the rest is cheaper to fetch again than the names to send."""

_GONE = tag("kind:gone")


class Changed(NamedTuple):
    """An object whose bytes, headers or tags a release changed, created or retired."""

    path: str
    tags: str  # as edges know it, so those it had before; the first is its own, then groups, the narrowest first
    new: bool  # nothing, or a "gone" object, stood there before


def fold(purger: Purger, changed: Sequence[Changed], live_objects: int, *, uncertain: bool = False) -> list[Name]:
    """The names that have all of *changed* forgotten, in at most the CDN's budget. Pure.

    Own tags; created paths by URL too, since an edge may hold their error, which has no tag. Over budget, own tags
    fold into the groups that hold most of them, the narrowest kind first, and at last into everything; errors are
    then named only where there is room, for they last seconds. "Gone" objects last as pages do, so those that stood at
    created paths are then named by their kind. *uncertain*: a release died, and what edges got of it may bear groups that
    nobody knows; then nothing folds but into everything.
    """
    if len(changed) > 1 and len(changed) >= WHOLE * live_objects:
        return [ALL]
    tagged: list[list[str]] = []
    urls: dict[Name, None] = {}
    errors: dict[Name, None] = {}
    for one in changed:
        tags = one.tags.split()
        by_tag, by_url = bool(tags) and purger.takes(tag(tags[0])), purger.takes(url(one.path))
        if by_tag:
            tagged.append(tags)
        elif not by_url:
            return [ALL]
        if by_url and (one.new or not by_tag):
            (errors if by_tag else urls)[url(one.path)] = None
    budget = purger.can.budget_names
    names = [*dict.fromkeys(tag(tags[0]) for tags in tagged), *urls]
    if len(names) + len(errors) > budget:
        created = {one.tags.split()[0] for one in changed if one.new and one.tags}
        groups = _grouped(purger, tagged, budget - len(urls) - bool(created))
        if uncertain and not {tags[0] for tags in tagged} <= {*groups}:
            return [ALL]
        names = [*dict.fromkeys(map(tag, groups)), *urls]
        if not created <= {*groups} and purger.takes(_GONE):
            names = [*dict.fromkeys([*names, _GONE])]
    if len(names) > budget:
        return [ALL]
    with_errors = [*dict.fromkeys([*names, *errors])]
    return with_errors if len(with_errors) <= budget else names


def cost(purger: Purger, changed: Sequence[Changed], live_objects: int) -> tuple[int, float]:
    """Names that both purges send, and what they cost in USD at most: free ones of the month are not taken off."""
    names = 2 * len(fold(purger, changed, live_objects))
    return names, round(names * purger.can.usd_a_name, 6)


def _grouped(purger: Purger, tagged: Sequence[Sequence[str]], room: int) -> list[str]:
    """A tag for each, at most *room* where groups can do that. Groups are told apart by their place before the widest."""
    chosen = [tags[0] for tags in tagged]
    groups = [[name for name in tags[1:] if name != "all"] for tags in tagged]
    count = Counter(chosen)
    for width in range(max(map(len, groups), default=0), 0, -1):
        if len(count) <= room:
            break
        members: dict[str, list[int]] = {}
        for i, names in enumerate(groups):
            if len(names) >= width:
                members.setdefault(names[-width], []).append(i)
        for group in sorted(members, key=lambda name: (-len(members[name]), name)):
            if len(count) <= room:
                break
            if len({chosen[i] for i in members[group]}) > 1 and purger.takes(tag(group)):
                for i in members[group]:
                    count[chosen[i]] -= 1
                    if not count[chosen[i]]:
                        del count[chosen[i]]
                    chosen[i] = group
                    count[group] += 1
    return list(count)
