"""Seconds from the command to its first finished step, with a cold and a warm compilation cache.

    python benchmarks/startup.py [--config configs/quickstart.py] [--repeats 3]

A cold start compiles everything into an empty cache, the warm one after it finds it there. Both are new processes, so
imports count. The first step is finished when its line is in metrics.jsonl.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--config", default="configs/quickstart.py")
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    cold, warm = [], []
    for _ in range(options.repeats):
        with tempfile.TemporaryDirectory() as directory:
            cache = Path(directory) / "cache"
            cold.append(seconds_to_first_step(options.config, Path(directory) / "cold", cache))
            warm.append(seconds_to_first_step(options.config, Path(directory) / "warm", cache))
    for name, seconds in (("cold", cold), ("warm", warm)):
        print(f"{name}: median {statistics.median(seconds):.1f} s, {min(seconds):.1f} to {max(seconds):.1f} s")


def seconds_to_first_step(config: str, workdir: Path, cache: Path) -> float:
    """Starts a run, waits for its first line of metrics, and ends it."""
    command = [sys.executable, "-m", "jgan.main", "--config", config, "--workdir", str(workdir), "--config.log_every=1"]
    environment = os.environ | {"JAX_COMPILATION_CACHE_DIR": str(cache)}
    start = time.perf_counter()
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    metrics = workdir / "metrics.jsonl"
    while not (metrics.exists() and metrics.stat().st_size):
        if process.poll() is not None:
            sys.exit(f"error: the run of {config} ended with code {process.returncode} before its first step")
        time.sleep(0.01)
    seconds = time.perf_counter() - start
    # Once compiled, programs of other cadence patterns may still be on their way to the cache.
    time.sleep(5)
    process.kill()
    process.wait()
    return seconds


if __name__ == "__main__":
    main()
