"""The four doors at the side: where a class of a user's own can stand in for one of forcepos'."""

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from forcepos.config.checks import check_config
from forcepos.config.plugins import use_plugin_folders
from forcepos.config.schema import Config
from forcepos.data.readers.reader import Reader
from forcepos.data.splits.split import Split
from forcepos.models.architectures.architecture import Architecture
from forcepos.tuning.tuner import Tuner

# Where the keys of a plug-in are, and what it is. Config knows no room above it, and is told here.
PLUGINS: dict[str, type] = {"data": Reader, "split": Split, "model.space": Architecture, "tuner": Tuner}


def to_config(composed: DictConfig) -> Config:
    """Check a composed config of a run, its plug-ins included.

    Raises:
        InputError: a key or a plug-in is not as it has to be; names it.
    """
    if HydraConfig.initialized():  # in whatever process of a sweep
        sources = HydraConfig.get().runtime.config_sources
        users = [one for one in sources if one.schema == "file" and one.provider not in {"main", "hydra"}]
        use_plugin_folders(one.path for one in users)
    return check_config(composed, PLUGINS)
