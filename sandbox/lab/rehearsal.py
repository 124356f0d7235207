"""A rehearsal as an agent would do it: with the .env's URL and key, through the REST API.

Run as ``python -m sandbox.lab.rehearsal`` it writes a customer and an invoice; with ``--look CUSTOMER``
it only tells whether that customer is there.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from sandbox import envfile
from sandbox.dolibarr.api import Answer, Client
from sandbox.errors import ExitCode, Failed, SandboxError
from sandbox.settings import Timeouts

TIMEOUTS = Timeouts(connect=5, read=30)


def agent(env: Path) -> tuple[Client, str]:
    """A client and the key, as the write skill's .env gives them.

    Raises:
        Failed: the .env lacks one of them.
    """
    values = envfile.read_values(env)
    if not values.get("DOLIBARR_URL") or not values.get("DOLIBARR_API_KEY"):
        raise Failed(f"{env} has no DOLIBARR_URL or DOLIBARR_API_KEY", "run: inv relink-env")
    return Client(values["DOLIBARR_URL"], TIMEOUTS), values["DOLIBARR_API_KEY"]


def _number(answer: Answer, what: str) -> int:
    if answer.status != 200 or not str(answer.body).isdigit():  # noqa: PLR2004
        raise Failed(f"{what}: HTTP {answer.status}", "run: inv status")
    return int(answer.body)


def write(client: Client, key: str) -> tuple[int, int]:
    """Make a customer and an invoice for it; returns their ids.

    Raises:
        Failed: Dolibarr refused one of them.
        Unreachable: it does not answer.
    """
    customer = {"name": "Rehearsal & Sons", "client": "1", "code_client": "auto", "country_id": 1}
    customer_id = _number(client.post("thirdparties", key, customer), "creating a customer")
    line = {"desc": "Rehearsed consulting", "subprice": 1200, "qty": 2, "tva_tx": 20, "product_type": 1}
    invoice = {"socid": customer_id, "type": 0, "date": int(time.time()), "lines": [line]}
    return customer_id, _number(client.post("invoices", key, invoice), "creating an invoice")


def main(arguments: list[str] | None = None) -> int:
    """Run the rehearsal; returns an exit code."""
    parser = argparse.ArgumentParser(prog="python -m sandbox.lab.rehearsal", description=__doc__)
    parser.add_argument("--env", type=Path, default=Path("dolibarr-sandbox-write/.env"))
    parser.add_argument("--look", type=int, metavar="CUSTOMER", help="tell whether this customer is there")
    options = parser.parse_args(arguments)
    try:
        client, key = agent(options.env)
        if options.look is not None:
            status = client.get(f"thirdparties/{options.look}", key).status
            print(f"customer {options.look}: HTTP {status}")  # noqa: T201
            return int(ExitCode.DONE)
        customer, invoice = write(client, key)
    except SandboxError as error:
        print(error, file=sys.stderr)  # noqa: T201
        return int(error.code)
    print(f"POST /thirdparties  -> customer {customer}")  # noqa: T201
    print(f"POST /invoices      -> invoice {invoice}")  # noqa: T201
    return int(ExitCode.DONE)


if __name__ == "__main__":
    sys.exit(main())
