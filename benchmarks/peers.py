"""Our model, the baselines and other people's models on folders of real images, without any training.

    .venv/bin/python benchmarks/peers.py --student models/student \\
        --peer litemedsam=PATH/lite_medsam.pth:SHA256 --out FOLDER busi=FOLDER bus_bra=FOLDER

Each folder is read by the contract of its dataset, harmonised into a temporary place, and every image is scored, with
the prompts, metrics and bootstrap of params.yaml. `--out` gets what a validation writes: metrics.json, cases.parquet,
report.md and figures. A peer is `ARCHITECTURE=WEIGHTS:SHA256`. Nothing here knows what was trained on these images:
`model.json` of the student says it of ours. For phantoms and for what a split keeps for testing, name peers in
params.yaml instead (docs/evaluation.md).
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from rich.console import Console

from components.contract import load_contract
from components.evaluation.peers import load_peer, peer_names
from components.evaluation.reporting.console import console_table
from components.evaluation.reporting.report import write_validation
from components.evaluation.scoring.cases import Contender
from components.evaluation.validate import validate
from components.intake.harmonise import harmonise
from components.params import PeerParams, load_params
from components.promptable.predict import pick_device, pin_threads
from components.students import load_student
from components.types import Record

ROOT = Path(__file__).parents[1]
CONTRACTS = ROOT / "data/contracts"


def read_folder(text: str, into: Path) -> tuple[Record, ...]:
    """The records of `DATASET=FOLDER`, harmonised below a temporary folder."""
    name, _, folder = text.partition("=")
    contract = load_contract(name, CONTRACTS)
    done = harmonise(contract, Path(folder), out=into / name, phantom=False, contracts=CONTRACTS)
    return done.records


def read_peer(text: str) -> tuple[str, Contender]:
    """The contender of `ARCHITECTURE=WEIGHTS:SHA256`, under a name that tables can hold."""
    model, _, rest = text.partition("=")
    weights, _, sha256 = rest.rpartition(":")
    params = PeerParams(model=model, weights=str(Path(weights).resolve()), sha256=sha256)
    who = "".join(letter if letter.isalnum() else "_" for letter in model)
    return who, load_peer(who, params, root=ROOT, device=pick_device())


def main() -> None:
    """Score, write and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="+", metavar="DATASET=FOLDER")
    parser.add_argument("--student", type=Path, default=ROOT / "models/student")
    parser.add_argument("--peer", action="append", default=[], help=f"architectures: {', '.join(peer_names())}")
    parser.add_argument("--out", type=Path, required=True)
    asked = parser.parse_args()
    pin_threads()
    params = load_params(ROOT / "params.yaml")
    student, described = load_student(asked.student)
    ours = Contender(student.to(pick_device()), described.digest, described.name, described.phantom, described.exposure)
    models = {"student": ours, **dict(read_peer(text) for text in asked.peer)}
    with tempfile.TemporaryDirectory() as scratch:
        place = Path(scratch)
        result = validate(
            [record for text in asked.folders for record in read_folder(text, place)],
            models=models,
            prompts=params.prompts,
            params=params.evaluate,
            device=str(pick_device()),
            partial=place / "rows",
        )
        write_validation(asked.out, result, role="external", figure_cases=params.evaluate.figure_cases)
    Console(width=120).print(console_table(result.metrics, title="Every image of these folders"))


if __name__ == "__main__":
    main()
