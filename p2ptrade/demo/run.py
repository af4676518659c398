"""The whole demo in one function: world, chain, market, daemons, day, audit, report."""

import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from p2ptrade.audit.books import audit_books
from p2ptrade.chain.client import ChainClient
from p2ptrade.demo.clock import WarpedClock
from p2ptrade.demo.driver import Disturbance, Driver, Report, leave_alone
from p2ptrade.demo.figures import Figures, figures_of
from p2ptrade.demo.processes import Daemon, Fleet
from p2ptrade.demo.record import record_day, transactions_and_gas
from p2ptrade.demo.report import write_report
from p2ptrade.demo.scenario import NETWORK, Scenario
from p2ptrade.demo.stress_day import record_stress
from p2ptrade.demo.stress_report import stress_figures
from p2ptrade.demo.world import CHAIN_ID, World, deploy, publish_tariffs, settle_in
from p2ptrade.errors import InputError, P2PTradeError
from p2ptrade.transport.clients import RelayClient

NOTICE: Final = (
    "Network and profiles: SimBench 1-LV-rural3--2-sw (www.simbench.de), Open Database License (ODbL) 1.0, "
    "Meinecke et al., Energies 13(12), 2020, 3290. Tariffs: our own, in the range of German tariffs of 2024."
)
FOLDER: Final = "run"


def run_demo(
    scenario: Scenario, say: Callable[[str], None], report: Report, disturb: Disturbance = leave_alone
) -> Figures:
    """Run one day and write its report into `scenario.out`; return the figures with their timings.

    `say` is told what is being set up, `report` what each slot came to. Logs and state of all daemons are in the
    folder `run` of the report.

    Raises:
        P2PTradeError: something that the day needs failed; the text says what, and where the logs are.
    """
    began = time.monotonic()
    world = World.make(scenario, scenario.out / FOLDER)
    fresh_folder(world.folder)
    world.write_settings()
    with Fleet() as fleet:
        say("starting the chain")
        fleet.start(chain_daemon(world))
        client = ChainClient.connect(world.chain_url, CHAIN_ID)
        with WarpedClock(lambda method, parameters: client.rpc.call(method, *parameters)) as clock:
            say("deploying the contracts")
            deploy(world)
            market = world.market()
            publish_tariffs(world, market)
            say("admitting the homes")
            clock.jump_to(world.timeline.admission_s)
            homes = settle_in(world, market)
            setup = transactions_and_gas(market, range(client.head().number + 1))
            clock.jump_to(world.timeline.daemons_start_s)
            say("starting the daemons")
            with RelayClient(world.url(world.ports.relay)) as relay:
                driver = Driver(world, market, fleet, clock, relay, homes, disturb)
                driver.start_daemons()
                traded_from = time.monotonic()
                driver.run(report)
            trading_s = time.monotonic() - traded_from
            memory = fleet.memory_bytes()
            say("auditing the books")
            books = audit_books(market)
            day = record_day(world, market, books, driver, homes, setup)
            stress = record_stress(world, market, books, day, homes) if scenario.stress else None
    figures = figures_of(day) | (stress_figures(stress) if stress else {})
    band = (world.network.voltage_min_pu, world.network.voltage_max_pu)
    timings: dict[str, Any] = {
        "wall_s": round(time.monotonic() - began, 1),
        "trading_wall_s": round(trading_s, 1),
        "memory_mib": memory >> 20,
    }
    figures |= timings
    write_report(day, figures, scenario.out, grid=NETWORK, band_pu=band, notice=NOTICE, stress=stress)
    return figures


def fresh_folder(folder: Path) -> None:
    """Make `folder` anew, empty.

    Raises:
        InputError: something else is in the way, or it cannot be made.
    """
    try:
        if folder.is_dir() and any(folder.iterdir()):
            if not (folder / "p2ptrade.toml").exists():
                raise InputError(f"{folder} is not the folder of a former demo: choose another --out, or remove it")
            shutil.rmtree(folder)
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{folder} cannot be made: {error.strerror}; choose another --out") from None


def chain_daemon(world: World) -> Daemon:
    """Return the embedded chain of a world."""

    def answers() -> bool:
        try:
            ChainClient.connect(world.chain_url, CHAIN_ID)
        except P2PTradeError:
            return False
        return True

    return Daemon("chain", ("chain", "run", "--config", str(world.config)), world.folder / "chain.log", answers)
