"""Several processes as one program: JAX's multi-controller runtime, found from the environment."""

from __future__ import annotations

import os
from collections.abc import Mapping

import jax
import numpy as np
from jax.experimental import multihost_utils

from jgan.types import UserError

# Set by launch/local.py, or by hand on any cluster that JAX does not know.
COORDINATOR, COUNT, INDEX = "JAX_COORDINATOR_ADDRESS", "JAX_NUM_PROCESSES", "JAX_PROCESS_ID"


def initialize(environment: Mapping[str, str] = os.environ) -> None:
    """Joins the other processes of this run, if there are any. Call it before anything else of JAX.

    Raises:
      UserError: the three variables are set only in part, or are not numbers.
    """
    if environment.get("JAX_PLATFORMS", "") in ("", "cpu"):
        jax.config.update("jax_cpu_collectives_implementation", "gloo")
    if COUNT in environment:
        jax.distributed.initialize(*_settings(environment))
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


def _settings(environment: Mapping[str, str]) -> tuple[str, int, int]:
    """Coordinator address, number of processes, index of this one."""
    try:
        return environment[COORDINATOR], int(environment[COUNT]), int(environment[INDEX])
    except (KeyError, ValueError) as error:
        raise UserError(f"{COORDINATOR}, {COUNT}, {INDEX}: expected an address and two numbers ({error})") from None


def _in_cluster(environment: Mapping[str, str]) -> bool:
    """Whether this is one of several processes started by SLURM, Open MPI, Kubernetes or a TPU pod."""
    # SLURM_STEP_... and not SLURM_NTASKS: a batch script without srun is one process, whatever it was allotted.
    several = environment.get("SLURM_STEP_NUM_TASKS", "1") not in ("", "0", "1") and "SLURM_PROCID" in environment
    several |= "OMPI_MCA_orte_hnp_uri" in environment
    several |= "KUBERNETES_SERVICE_HOST" in environment and "JOB_COMPLETION_INDEX" in environment
    several |= "," in environment.get("TPU_WORKER_HOSTNAMES", "")
    return several or "MEGASCALE_COORDINATOR_ADDRESS" in environment
