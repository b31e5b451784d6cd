"""The wheel, built and installed, works in an empty folder, with each Python that is supported and there."""

from __future__ import annotations

import shutil
import site
import subprocess
import sys
from pathlib import Path

import pytest

from tests.running import environment_with

TOP = Path(__file__).parents[2]
OURS = f"{sys.version_info.major}.{sys.version_info.minor}"

pytestmark = pytest.mark.system  # installs a whole environment for each other Python


def interpreter(version: str) -> str:
    """Return a Python of this version that runs: the command may be no more than a version manager's name."""
    managed = sorted(map(str, Path.home().glob(f".pyenv/versions/{version}.*/bin/python")))
    for found in [sys.executable] if version == OURS else [*managed, f"python{version}"]:
        if shutil.which(found) and subprocess.run([found, "-c", ""], check=False).returncode == 0:
            return found
    pytest.skip(f"there is no Python {version} here")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", str(TOP)]
    subprocess.run([*build, "--wheel-dir", str(folder)], check=True)
    return next(folder.glob("forcepos-*.whl"))


@pytest.mark.parametrize("version", ["3.11", "3.12", "3.13"])
def test_a_wheel_trains_in_an_empty_folder(version: str, wheel: Path, tmp_path: Path) -> None:
    environment, empty = tmp_path / "environment", tmp_path / "empty"
    empty.mkdir()
    subprocess.run([interpreter(version), "-m", "venv", str(environment)], check=True)
    install = [str(environment / "bin/python"), "-m", "pip", "install", "--quiet", str(wheel)]
    if (
        version == OURS
    ):  # the libraries are those of this environment, without its forcepos, which a .pth file adds
        subprocess.run([*install, "--no-deps"], check=True)
        (libraries,) = (environment / "lib").glob("python*/site-packages")
        (libraries / "others.pth").write_text("\n".join(site.getsitepackages()) + "\n")
    else:
        subprocess.run([*install, "--constraint", str(TOP / "constraints.txt")], check=True)
    command = [str(environment / "bin/forcepos"), "debug=smoke", "tuner=random", "evaluation.figures=false"]
    done = subprocess.run(command, cwd=empty, env=environment_with(), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert {path.name for path in empty.iterdir()} == {"mlruns", "outputs"}
    where = subprocess.run(
        [str(environment / "bin/python"), "-c", "import forcepos; print(forcepos.__file__)"],
        cwd=empty, env=environment_with(), capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert Path(where.stdout.strip()).is_relative_to(environment)
