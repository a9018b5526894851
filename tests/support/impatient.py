"""Snakemake, but it asks SLURM every second how its jobs are.

The executor waits 10 seconds longer after every answer that nothing has ended, whatever its
options say: kind to a cluster, and most of a test's time.
"""

import asyncio

from snakemake.cli import main
from snakemake_interface_executor_plugins.executors.remote import RemoteExecutor


async def a_second(self: RemoteExecutor) -> None:
    await asyncio.sleep(1)


RemoteExecutor.sleep = a_second

if __name__ == "__main__":
    main()
