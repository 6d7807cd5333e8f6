"""Sets the checkout up: `use` to run Danglian, `work` to develop it, `long` for the long tests too.

`lock` pins anew.

Only the standard library: nothing else is there yet.
"""

import argparse
import sys
from concurrent.futures import ThreadPoolExecutor

import assets
import environment
import locking
import providers
import schemas
import steps
import system


def main() -> None:
    """Do what the command line asks for, skipping what is up to date."""
    parser = argparse.ArgumentParser(prog="deploy/setup/run", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("use", help="what running Danglian takes")
    commands.add_parser("work", help="that, and what checks and tests take")
    commands.add_parser("long", help="that, and what the long tests take")
    lock = commands.add_parser("lock", help="write the lock files anew")
    lock.add_argument("--upgrade", action="store_true", help="move to the newest versions")
    arguments = parser.parse_args()

    with steps.alone():
        if arguments.command == "lock":
            locking.lock(upgrade=arguments.upgrade)
            return
        for_work = arguments.command != "use"
        environment.begin()
        # Each waits for another network and works on another processor.
        with ThreadPoolExecutor() as together:
            doing = [
                together.submit(environment.fill, for_work=for_work),
                together.submit(assets.gather),
                *([together.submit(system.install_packages)] if for_work else []),
                *([together.submit(providers.gather_oidc_provider)] if for_work else []),
                *([together.submit(schemas.gather)] if for_work else []),
                *(
                    [together.submit(providers.gather_canaille)]
                    if arguments.command == "long"
                    else []
                ),
            ]
        for each in doing:
            each.result()


if __name__ == "__main__":
    try:
        main()
    except steps.Failed as failure:
        sys.exit(f"Danglian: {failure}")
