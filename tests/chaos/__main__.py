"""`python -m tests.chaos`: a run from the command line. The status is 1 if something is wrong."""

import argparse
import logging
import secrets
import sys
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

import anyio

import tests.chaos
from tests.chaos.playing import TIMEOUT
from tests.chaos.replicas import Replicas
from tests.chaos.running import run
from tests.state.redis.servers import redis_server


def main() -> int:
    """Run it from the command line. 1 if something is wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=tests.chaos.__doc__)
    parser.add_argument("--seed", type=int, default=secrets.randbelow(1_000_000), help="default: random")
    parser.add_argument("--calls", type=int, default=5_000)
    parser.add_argument("--people", type=int, help="default: a tenth of the calls")
    parser.add_argument("--timeout", type=float, default=TIMEOUT, help="of a call, in seconds")
    parser.add_argument("--servers", type=int, default=1, help="with 2 or more, a Redis is killed under way")
    parser.add_argument("--mode", default="auto", help="auto, legacy or 2026-07-28")
    args = parser.parse_args()
    logging.basicConfig(level=logging.CRITICAL)  # before the server does it; faults are not news here
    with ExitStack() as stack:
        replicas = Replicas()
        if args.servers > 1:
            directory = Path(stack.enter_context(TemporaryDirectory()))
            replicas = Replicas(args.servers, stack.enter_context(redis_server(directory)))
        done = anyio.run(
            lambda: run(
                args.seed,
                calls=args.calls,
                people=args.people or max(args.calls // 10, 5),
                deadline=args.timeout,
                mode=args.mode,
                replicas=replicas,
            )
        )
    sys.stdout.write(done.report() + "\n")
    return 1 if done.violations else 0


if __name__ == "__main__":
    sys.exit(main())
