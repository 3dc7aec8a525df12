"""What readers may be shown: what was promised of each page, and who broke it."""
from __future__ import annotations

import re
import threading
from dataclasses import dataclass, field

PROMISE_S = 30.0
"""So long after an edit's COMMIT an edge shows it at the latest, whatever dies meanwhile: past that `status` has an alarm."""

_REVISION = re.compile(r"Lecture (\d+) rev (\d+)")


@dataclass
class Known:
    """What was edited when, by the monotonic clock, and what was found."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    revisions: dict[int, list[tuple[float, int]]] = field(default_factory=dict)  # by video: when committed, which
    withdrawn: dict[int, float] = field(default_factory=dict)
    gone: dict[int, float] = field(default_factory=dict)  # first seen gone
    seen_s: list[tuple[float, str]] = field(default_factory=list)  # seconds from COMMIT to the edge, and what was done meanwhile
    wrong: list[str] = field(default_factory=list)

    def promised(self, video: int, at: float) -> int:
        """The revision that a page asked for at *at* must show at least."""
        with self.lock:
            return max((revision for committed, revision in self.revisions.get(video, ()) if committed + PROMISE_S <= at), default=0)

    def judge(self, path: str, status: int, body: str, at: float, under: str) -> None:
        """An answer to who asked for *path* at *at*: it is whole, and as new as was promised."""
        video = video_of(path)
        left = self.withdrawn.get(video)
        if left is None:
            if status != 200:
                self.wrong.append(f"{path} was answered {status} during {under}")
            elif video and (shown := revision_of(body, video)) < (least := self.promised(video, at)):
                self.wrong.append(f"{path} showed revision {shown}, and {least} was promised, during {under}")
        elif status == 200 and (at > self.gone.get(video, left + PROMISE_S) or at > left + PROMISE_S):
            self.wrong.append(f"{path} was shown {at - left:.1f} s after it was withdrawn, during {under}")
        elif status not in (200, 410):
            self.wrong.append(f"{path}, withdrawn, was answered {status} during {under}")


def video_of(path: str) -> int:
    """The id of the video whose page *path* is; 0 for none."""
    found = re.fullmatch(r"/videos/lecture-(\d+)/", path)
    return int(found[1]) if found else 0


def revision_of(body: str, video: int) -> int:
    """The revision of *video* that a page's heading shows; -1 for none."""
    for id, revision in _REVISION.findall(body[body.find("<h1"):]):
        if int(id) == video:
            return int(revision)
    return -1
