"""The page on sweeps from laptop to cluster: every command composes, and the presets say what they should."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.plugins import Plugins
from hydra.plugins.launcher import Launcher
from omegaconf import OmegaConf

from forcepos.config.schema import Config
from forcepos.experiment.api import to_config
from forcepos.runtime.paths import conf_dir
from tests.runtime.test_resources import composed

PAGE = Path(__file__).parents[2] / "docs" / "many-machines.md"
COMMANDS = [
    re.sub(r"^(srun .*)?python -m forcepos (-m )?", "", line)
    for block in re.findall(r"^```\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    for line in block.splitlines()
]
PRESETS = ["slurm_cpu", "slurm_gpu"]


def test_the_page_has_commands_for_every_launcher() -> None:
    assert len(COMMANDS) >= 8
    for launcher in ("joblib", "submitit_local", *PRESETS):
        assert f"hydra/launcher={launcher}" in " ".join(COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_of_the_page_composes_into_jobs_that_can_be_launched(command: str) -> None:
    overrides = OverridesParser.create().parse_overrides(shlex.split(command))
    ours = [override for override in overrides if not override.is_hydra_override()]
    hydras = [str(override.input_line) for override in overrides if override.is_hydra_override()]
    single = [override for override in ours if "glob" not in str(override.input_line)]
    for job in BasicSweeper.split_arguments(single, None)[0]:
        config = composed(*hydras, *job)
        launcher = Plugins.instance()._instantiate(config.hydra.launcher)
        assert isinstance(launcher, Launcher)
        del config.hydra
        assert isinstance(to_config(config), Config)


@pytest.mark.parametrize("preset", PRESETS)
def test_a_preset_queues_a_job_again_that_is_at_its_limit(preset: str) -> None:
    launcher = composed(f"hydra/launcher={preset}").hydra.launcher
    assert launcher._target_.endswith(".SlurmLauncher")
    assert 0 < launcher.signal_delay_s < 60 * launcher.timeout_min
    assert launcher.max_num_timeout > 0
    assert launcher.mem_gb > 0
    assert launcher.cpus_per_task > 0
    assert launcher.gpus_per_node == (1 if preset == "slurm_gpu" else None)


@pytest.mark.parametrize("preset", PRESETS)
def test_every_value_of_a_preset_is_explained_and_can_be_overridden(preset: str) -> None:
    path = conf_dir() / "hydra" / "launcher" / f"{preset}.yaml"
    names = [str(name) for name in OmegaConf.load(path) if name != "defaults"]
    for name in names:
        assert re.search(rf"^{name}: .*  # \w", path.read_text(), re.MULTILINE), name
    other = {"partition": "gpu", "account": "lab", "setup": ["module load cuda"]}
    given = {name: other.get(name, 7) for name in names}
    overrides = [f"hydra.launcher.{name}={value}" for name, value in given.items()]
    launcher = composed(f"hydra/launcher={preset}", *overrides).hydra.launcher
    assert {name: launcher[name] for name in names} == given
