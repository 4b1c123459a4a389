"""params.yaml, to params.yaml that reads a dataset from its import; comments and other lines stay as they are.

Leaves out: importing (imports.py), and writing the file.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

from ruamel.yaml.error import YAMLError

from components.contract import Contract
from components.errors import ParamsError
from components.params import PHANTOM_SOURCE, load_params, parse_params
from components.params.editing import params_editor

IMPORTS = Path("data/imports")
PARAMS = Path("params.yaml")


def params_with(root: Path, contract: Contract, *, keep_phantoms: bool) -> tuple[str, str, tuple[str, ...]]:
    """The text of the project's params.yaml as it is and with the dataset's import, and what changes.

    Raises
    ------
    ParamsError
        If it isn't valid before, or wouldn't be after.
    """
    load_params(root / PARAMS)
    old = (root / PARAMS).read_text(encoding="utf-8")
    return old, *edited_params(old, contract, keep_phantoms=keep_phantoms)


def edited_params(text: str, contract: Contract, *, keep_phantoms: bool) -> tuple[str, tuple[str, ...]]:
    """The text of params.yaml with the dataset's source set to its import, comments kept, and what changed.

    Raises
    ------
    ParamsError
        If the text isn't valid before, or wouldn't be after.
    """
    yaml = params_editor()
    try:
        document: Any = yaml.load(text)
    except YAMLError as error:  # stricter than PyYAML: a key that stands twice, for one
        raise ParamsError(
            f"params.yaml isn't YAML: {error}", expected="a YAML mapping", remedy="mend the line named above"
        ) from None
    parse_params(_plain(document), origin="params.yaml")
    source = (IMPORTS / contract.name).as_posix()
    datasets = document["datasets"]
    changes: list[str] = []
    if contract.name in datasets:
        entry = datasets[contract.name]
        if entry["source"] != source:
            changes.append(f"datasets.{contract.name}.source: {entry['source']} -> {source}")
        entry["source"] = source
        if entry.pop("phantom", None) is not None:
            changes.append(f"datasets.{contract.name}.phantom: removed")
    else:
        datasets[contract.name] = {"role": contract.role, "source": source}
        changes.append(f"datasets.{contract.name}: added, role {contract.role}, source {source}")
    phantoms = [name for name, entry in datasets.items() if entry["source"] == PHANTOM_SOURCE]
    if contract.role == "external":
        pass  # Never trained on, so that nothing is mixed; a phantom-trained model may be tried on real images.
    elif keep_phantoms and phantoms:
        if not document["split"]["mix_phantoms"]:
            document["split"]["mix_phantoms"] = True
            changes.append("split.mix_phantoms: false -> true")
    else:
        for name in phantoms:
            del datasets[name]
            changes.append(f"datasets.{name}: removed (phantoms)")
    if not any(entry["role"] == "internal" for entry in datasets.values()):
        changes.append("there is no internal dataset to train on: import one too")
    parse_params(_plain(document), origin="params.yaml after the import")
    out = io.StringIO()
    yaml.dump(document, out)
    return out.getvalue(), tuple(changes)


def _plain(value: Any) -> Any:
    """ruamel's containers as plain ones."""
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return float(value) if isinstance(value, float) else value
