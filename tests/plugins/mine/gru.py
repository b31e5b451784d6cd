"""A recurrent network: a GRU layer over the window."""

from dataclasses import dataclass

import forcepos
from forcepos.config.schema import key


@dataclass
class Gru(forcepos.Architecture):
    units: list[int] = key("units of the layer; a trial takes one of these", min=1, max=4096)

    def declare(self, hp):
        hp.Choice("units", self.units)

    def hidden_layers(self, chosen, channels):
        from keras import layers

        return [layers.GRU(chosen["units"])]
