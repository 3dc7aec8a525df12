"""The render processes: what reaches them and what does not."""
from __future__ import annotations

import subprocess
import sys
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]

SHOW = """
from signal import SIG_BLOCK, SIGINT, pthread_sigmask
from builder.processes import processes
with processes(1) as pool:
    theirs = pool.submit(pthread_sigmask, SIG_BLOCK, ()).result()
    print(SIGINT in theirs, SIGINT in pthread_sigmask(SIG_BLOCK, ()))
"""


def test_ctrl_c_reaches_no_render_process_from_its_first_moment_on_and_goes_on_reaching_this_one() -> None:
    # In a process of its own, for a fork server stays as it was started.
    done = subprocess.run([sys.executable, "-c", SHOW], cwd=TOP, capture_output=True, text=True, check=True)
    assert done.stdout == "True False\n"
