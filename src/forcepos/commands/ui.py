"""The command line of `python -m forcepos ui`."""

import logging
import socket
from collections.abc import Sequence

from omegaconf import OmegaConf

from forcepos.config.mistakes import command_parser
from forcepos.config.schema import TrackingConfig
from forcepos.runtime.errors import InputError
from forcepos.runtime.log_lines import StandardErrorHandler, print_result
from forcepos.runtime.paths import conf_dir
from forcepos.tracking.place import check_uri, follow_move, resolve

log = logging.getLogger(__name__)
_HELP = "forcepos ui: show the runs in MLflow's user interface, on this machine only, until Ctrl-C"


def main(arguments: Sequence[str]) -> None:
    """Print the link to the list of runs and serve it, unless a server does."""
    defaults = OmegaConf.load(conf_dir() / "tracking" / "default.yaml")
    parser = command_parser("ui", _HELP)
    add = parser.add_argument
    add("uri", nargs="?", default=defaults.uri, metavar="URI", help="of a server: its link; default: %(default)s")
    add("--port", type=int, default=5000, help="default: %(default)s")
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, handlers=[StandardErrorHandler()])
    check_uri(options.uri)
    if database := resolve(options.uri)[1]:
        if not database.exists():
            raise InputError(f"{options.uri} has no runs yet: python -m forcepos makes one")
        follow_move(database)
    from forcepos.tracking.ui import serve, ui_address  # noqa: PLC0415  # MLflow takes seconds

    config = TrackingConfig("mlflow", options.uri, defaults.experiment, None, "runs")
    address = ui_address(config, None, options.port)
    if address is None:
        raise InputError(f"{options.uri} has a user interface of its own")
    if address.command:
        with socket.socket() as tried:
            tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as the server does
            try:
                tried.bind(("127.0.0.1", options.port))
            except (OSError, OverflowError) as error:
                raise InputError(f"--port {options.port} cannot be used, choose another: {error}") from error
    print_result(address.url, asked=True)
    if address.command:
        log.info("it can be opened in about ten seconds; Ctrl-C ends it")
        serve(options.uri, options.port)
