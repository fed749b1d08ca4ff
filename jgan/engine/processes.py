"""Several processes as one program: JAX's multi-controller runtime, found from the environment."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Mapping

import jax
import numpy as np
from jax.experimental import multihost_utils

from jgan.errors import PROCESS_INDEX, UserError
from jgan.types import PyTree

# Set by launch/local.py, or by hand on any cluster that JAX does not know.
COORDINATOR, COUNT, INDEX = "JAX_COORDINATOR_ADDRESS", "JAX_NUM_PROCESSES", PROCESS_INDEX
LIFELINE = "JGAN_LIFELINE"  # a pipe whose other end the launcher holds


def initialize(environment: Mapping[str, str] = os.environ) -> None:
    """Joins the other processes of this run, if there are any. Call it before anything else of JAX.

    Raises:
      UserError: the three variables are set only in part, or are not numbers.
    """
    if environment.get("JAX_PLATFORMS", "") in ("", "cpu"):
        jax.config.update("jax_cpu_collectives_implementation", "gloo")
    if COUNT in environment:
        settings = _settings(environment)
        if LIFELINE in environment:
            _stop_with_launcher(int(environment[LIFELINE]))
        jax.distributed.initialize(*settings)
    elif _in_cluster(environment):
        jax.distributed.initialize()


def is_main() -> bool:
    """Whether this process writes the run's logs and pictures."""
    return jax.process_index() == 0


def any_process(flag: bool) -> bool:
    """Whether the flag is up in any process. Every process must ask at the same point of the program."""
    if jax.process_count() == 1:
        return flag
    return bool(np.any(multihost_utils.process_allgather(np.asarray(flag))))


def fetch(arrays: PyTree) -> PyTree:
    """Arrays that are spread over all devices, whole, as numpy arrays in every process; all must ask together."""
    if jax.process_count() == 1:
        return jax.device_get(arrays)
    return multihost_utils.process_allgather(arrays, tiled=True)


def _settings(environment: Mapping[str, str]) -> tuple[str, int, int]:
    """Coordinator address, number of processes, index of this one."""
    try:
        return environment[COORDINATOR], int(environment[COUNT]), int(environment[INDEX])
    except (KeyError, ValueError) as error:
        raise UserError(f"{COORDINATOR}, {COUNT}, {INDEX}: expected an address and two numbers ({error})") from None


def _stop_with_launcher(lifeline: int) -> None:
    """Asks this process to save and stop, as SIGTERM does, once the launcher is gone, even if it was killed."""

    def watch() -> None:
        os.read(lifeline, 1)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, name="lifeline", daemon=True).start()


def _in_cluster(environment: Mapping[str, str]) -> bool:
    """Whether this is one of several processes started by SLURM, Open MPI, Kubernetes or a TPU pod.

    A Google Cloud TPU VM tells how many hosts it has only to those who ask its metadata server, so there JAX is left to
    find out, also where there is one.
    """
    # SLURM_STEP_... and not SLURM_NTASKS: a batch script without srun is one process, whatever it was allotted.
    several = environment.get("SLURM_STEP_NUM_TASKS", "1") not in ("", "0", "1") and "SLURM_PROCID" in environment
    several |= "OMPI_MCA_orte_hnp_uri" in environment
    several |= "KUBERNETES_SERVICE_HOST" in environment and "JOB_COMPLETION_INDEX" in environment
    several |= "," in environment.get("TPU_WORKER_HOSTNAMES", "")
    several |= _on_cloud_tpu(environment)
    return several or "MEGASCALE_COORDINATOR_ADDRESS" in environment


def _on_cloud_tpu(environment: Mapping[str, str]) -> bool:
    """Whether JAX found itself on a TPU VM, is to use its TPU and may ask the metadata server."""
    found = environment.get("TPU_ML_PLATFORM") == "JAX"  # set by the import of jax where there are TPU chips
    wanted = environment.get("JAX_PLATFORMS", "tpu").split(",")[0] in ("", "tpu")
    return found and wanted and "TPU_SKIP_MDS_QUERY" not in environment
