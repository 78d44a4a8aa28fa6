"""Two steps that tell their process, of which the first waits."""

import os
import time
from pathlib import Path

from actum import contract, step


@step
def hold(name: str) -> str:
    with Path(f"{name}.ran").open("a") as file:
        file.write(f"{os.getpid()}\n")
    while not Path(f"{name}.go").exists():
        time.sleep(0.01)
    return name


@step
def tell(name: str) -> int:
    Path(f"{name}.told").write_text(str(os.getpid()))
    return os.getpid()


@contract
async def tarry(name: str) -> int:
    return await tell(await hold(name))
