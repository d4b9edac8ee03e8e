"""`beamtwin serve`: run the web server of the dashboard."""

import socket
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from typing import Any

from dashboard.cli.arguments import number
from dashboard.cli.commands import DONE
from dashboard.cli.console import print_line

ORDER = 190
HELP = "serve the dashboard on this computer"
EXAMPLE = "beamtwin serve --port 8050"


def arguments(parser: ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument("--port", type=_port, default=8050, help="TCP port, 1 ... 65535 (default 8050)")


def _port(text: str) -> int:
    value = int(number(text, int))
    if not 1 <= value <= 65535:
        raise ArgumentTypeError(f"{text} is not between 1 and 65535")
    return value


def run(args: Namespace) -> int:
    """Serve the dashboard until stopped."""
    _check_free(args.port)
    from dashboard.app.jobs import Jobs
    from dashboard.app.runner import Runner
    from dashboard.app.sources.files import FileSource
    from dashboard.web.server import create_app

    source, jobs = FileSource(), Jobs()
    names = ", ".join(source.facilities()) or "none yet; make one with `beamtwin recommend`"
    print_line(
        f"Recommendations for: {names}.\nDashboard on http://127.0.0.1:{args.port} (stop it with Ctrl-C)."
    )
    app: Any = create_app(source, jobs)
    with Runner(jobs):
        app.run(host="127.0.0.1", port=args.port, debug=False)
    return DONE


def _check_free(port: int) -> None:
    """Raise UserError for a port that cannot be used."""
    from twin.errors import UserError

    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as the server will
        try:
            probe.bind(("127.0.0.1", port))
            probe.listen()
        except OSError as error:
            raise UserError(f"--port {port}: {error.strerror}; choose another with --port") from None
