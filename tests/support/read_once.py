"""What several tests read: the register of evidence, and files of YAML without our own reader."""

from __future__ import annotations

import yaml

from sim.evidence.register import FOLDER, load_register
from tests.support.places import ROOT

REGISTER = load_register(ROOT / FOLDER)
# What parses in C, where PyYAML was built with it, takes a tenth of the time.
SAFE = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
TYPED = getattr(yaml, "CBaseLoader", yaml.BaseLoader)


def plain(path, loader=SAFE):
    """Return the content of a file; with `TYPED`, every number as the text that was typed."""
    return yaml.load(path.read_text(encoding="utf-8"), loader)


def indirections(path):
    """Return the tags, anchors and aliases of a file, which could hide or pull in a value."""
    tokens = yaml.scan(path.read_text(encoding="utf-8"), SAFE)
    indirect = (yaml.TagToken, yaml.AnchorToken, yaml.AliasToken)
    return [token for token in tokens if isinstance(token, indirect)]
