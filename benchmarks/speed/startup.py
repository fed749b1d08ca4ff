"""Seconds from the command to its first finished steps, with a cold and a warm compilation cache.

    python benchmarks/speed/startup.py [--config configs/quickstart.py] [--steps 1] [--repeats 3]

A cold start compiles everything into an empty cache, the warm one after it finds it there. Both are new processes, so
imports count. The run has that many steps, and they are finished when the line of the last is in metrics.jsonl. With
one step only the program of the first step is compiled; the others follow as the cadence of the phases calls for them.
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
    parser.add_argument("--steps", type=int, default=1)
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    cold, warm = [], []
    for _ in range(options.repeats):
        with tempfile.TemporaryDirectory() as directory:
            cache = Path(directory) / "cache"
            cold.append(seconds_to_step(options.steps, options.config, Path(directory) / "cold", cache))
            warm.append(seconds_to_step(options.steps, options.config, Path(directory) / "warm", cache))
    for name, seconds in (("cold", cold), ("warm", warm)):
        print(f"{name}: median {statistics.median(seconds):.1f} s, {min(seconds):.1f} to {max(seconds):.1f} s")


def seconds_to_step(steps: int, config: str, workdir: Path, cache: Path) -> float:
    """Starts a run of that many steps and waits for its line of metrics, then for its end."""
    command = [sys.executable, "-m", "jgan.main", "--config", config, "--workdir", str(workdir)]
    command += [f"--config.log_every={steps}", f"--config.stages[0].steps={steps}"]
    environment = os.environ | {"JAX_COMPILATION_CACHE_DIR": str(cache)}
    start = time.perf_counter()
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    metrics = workdir / "metrics.jsonl"
    while not (metrics.exists() and metrics.stat().st_size):
        if process.poll() is not None:
            sys.exit(f"error: the run of {config} ended with code {process.returncode} before step {steps}")
        time.sleep(0.01)
    seconds = time.perf_counter() - start
    process.wait()
    return seconds


if __name__ == "__main__":
    main()
