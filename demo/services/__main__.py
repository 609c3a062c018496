"""`python -m demo.services erp|support|crm [--port N] [--dsn DSN]`: one demo service in the foreground."""

from __future__ import annotations

import argparse
import sys
from urllib.parse import urlsplit

from dataflows.settings import load_settings
from demo.services.app import SERVICES
from demo.services.server import ServiceFailed, serve


def main(arguments: list[str] | None = None) -> None:
    """Serve until a signal comes; the address and database come from the settings unless given."""
    parser = argparse.ArgumentParser(prog="python -m demo.services", description=__doc__)
    parser.add_argument("service", choices=SERVICES)
    parser.add_argument(
        "--port",
        type=int,
        help="loopback port; default: the one in CONCORD_ERP_URL, CONCORD_SUPPORT_URL or CONCORD_CRM_URL",
    )
    parser.add_argument("--dsn", help="libpq connection string of the service's database; default: CONCORD_POSTGRES")
    given = parser.parse_args(arguments)
    settings = load_settings()
    url = {"erp": settings.erp_url, "support": settings.support_url, "crm": settings.crm_url}[given.service]
    port = given.port if given.port is not None else urlsplit(url).port or 0
    try:
        serve(given.service, given.dsn or f"{settings.postgres} dbname={given.service}", port)
    except ServiceFailed as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
