"""Trains with several processes on this machine, through the same runtime that joins the hosts of a cluster.

python launch/local.py -n 2 -- --config configs/vanilla.py --workdir runs/two

Everything after `--` goes to `python -m jgan.main`, or another command (`-m jgan.evaluate`), in every process. The
first process writes the logs. When one process ends with an error, the others are stopped; when the launcher itself is
killed, all of them save and stop.
"""

from __future__ import annotations

import argparse
import os
import signal
import socket
import subprocess
import sys
import time
import types
from collections.abc import Sequence

POLL_SECONDS = 0.2


def main(argv: Sequence[str]) -> int:
    """Starts the processes and waits; the exit code is the first that is not 0."""
    parser = argparse.ArgumentParser(
        prog="python launch/local.py", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("-n", "--num_processes", type=int, default=2, help="how many (default 2)")
    parser.add_argument("-m", "--module", default="jgan.main", help="the command to run (default jgan.main)")
    parser.add_argument("arguments", nargs="+", metavar="-- --config FILE --workdir DIR ...")
    options = parser.parse_args(argv)
    if options.num_processes < 1:
        parser.error(f"-n {options.num_processes}: expected at least 1")
    processes = start(options.num_processes, options.module, options.arguments)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda number, frame: _forward(processes, number, frame))
    return wait(processes)


def start(count: int, module: str, arguments: Sequence[str]) -> list[subprocess.Popen]:
    """`count` processes of a command that know of each other."""
    address = f"127.0.0.1:{_free_port()}"
    command = [sys.executable, "-m", module, *arguments]
    # The write end stays open here and nowhere else, so the processes read its end when the launcher is gone.
    lifeline, _ = os.pipe()
    processes = []
    for index in range(count):
        cluster = {
            "JAX_COORDINATOR_ADDRESS": address,
            "JAX_NUM_PROCESSES": str(count),
            "JAX_PROCESS_ID": str(index),
            "JGAN_LIFELINE": str(lifeline),
        }
        # A session of its own: Ctrl-C reaches the launcher alone, which passes it on once.
        processes.append(
            subprocess.Popen(command, env=os.environ | cluster, pass_fds=[lifeline], start_new_session=True)
        )
    os.close(lifeline)
    return processes


def wait(processes: list[subprocess.Popen]) -> int:
    """Waits for all; once one has failed, the others are ended."""
    while True:
        codes = [process.poll() for process in processes]
        finished = [code for code in codes if code is not None]
        failed = [code for code in finished if code not in (0, 128 + signal.SIGTERM, 128 + signal.SIGINT)]
        if failed:
            index = codes.index(failed[0])
            how = f"was ended by {signal.Signals(-failed[0]).name}" if failed[0] < 0 else f"ended with code {failed[0]}"
            print(
                f"error: process {index + 1} of {len(codes)} {how}; the others were stopped; run again to resume",
                file=sys.stderr,
            )
            for process in processes:
                process.kill()
                process.wait()
            return failed[0] if failed[0] > 0 else 128 - failed[0]
        if len(finished) == len(codes):
            return max(finished)
        time.sleep(POLL_SECONDS)


def _forward(processes: list[subprocess.Popen], number: int, frame: types.FrameType | None) -> None:
    del frame
    for process in processes:
        process.send_signal(number)


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
