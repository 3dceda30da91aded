"""`make bench` measures the product as it is: what stands in for models and tools has to keep up with their ports."""

import asyncio
import sys
from pathlib import Path


async def test_our_part_of_the_bench_carries_a_turn_and_a_swarm(tmp_path: Path) -> None:
    program = (
        "import asyncio, sys; from pathlib import Path; from bench.ours import Ours\n"
        "async def main():\n"
        "    ours = Ours(on_postgres=False)\n"
        "    await ours.open(Path(sys.argv[1]))\n"
        "    await ours.turns(2)\n"
        "    await ours.swarm(2, 1)\n"
        "    await ours.close()\n"
        "asyncio.run(main())\n"
    )
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, tmp_path, stderr=asyncio.subprocess.PIPE
    )
    _, said = await process.communicate()
    assert process.returncode == 0, said.decode()[-2000:]
