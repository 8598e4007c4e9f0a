"""Runs the attacks until the end of input, and counts what came of each."""

import asyncio
import json
import sys
from collections import Counter

from benchmarks.soak.attacks import Attack, Target, attacks
from benchmarks.soak.children import tell
from benchmarks.soak.wire import Failed


async def again_and_again(attack: Attack, turn: int, counts: Counter[str]) -> None:
    """One of its loops. They begin one after another, so that they don't beat in time."""
    await asyncio.sleep(attack.seconds * turn / attack.at_once)
    loop = asyncio.get_running_loop()
    while True:
        begun = loop.time()
        try:
            counts[await attack.once()] += 1
        except Failed as error:
            counts[str(error)] += 1
        await asyncio.sleep(max(0.0, begun + attack.seconds - loop.time()))


async def main() -> None:
    """All attacks at once."""
    task = json.loads(sys.stdin.readline())
    arsenal = attacks(Target(task["port"], task["people"]))
    counts: list[Counter[str]] = [Counter() for _ in arsenal]
    running = [
        asyncio.ensure_future(again_and_again(attack, turn, counted))
        for attack, counted in zip(arsenal, counts, strict=True)
        for turn in range(attack.at_once)
    ]
    tell({"attacks": len(arsenal)})
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    for each in running:
        each.cancel()
    ended = await asyncio.gather(*running, return_exceptions=True)
    broken = [repr(end) for end in ended if isinstance(end, Exception)]
    rows = [
        {"numbers": attack.numbers, "what": attack.what, "rate": attack.rate, "outcomes": dict(counted)}
        for attack, counted in zip(arsenal, counts, strict=True)
    ]
    tell({"attacks": rows, "broken": broken[:5]})


if __name__ == "__main__":
    asyncio.run(main())
