"""`sonoforge data page`: what a contract says of a dataset, as a page to read.

A terminal gets it without tables, as wide as it is; a file or another program gets Markdown. Leaves out: the wording
(components/intake/showing/dataset_page.py).
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Annotated

import typer

from components.artefacts import write_text
from components.contract import CONTRACTS, Contract, contract_names, load_contract, unlinked_sources
from components.errors import ContractError
from pipelines.commands.data_places import MISUSE

PAGES = Path("docs/datasets")


def register(app: typer.Typer) -> None:
    """Add the command to `sonoforge data`."""
    app.command("page")(page)


def page(
    dataset: Annotated[str | None, typer.Argument(help="Name of the contract, such as busi.")] = None,
    every: Annotated[bool, typer.Option("--all", help="All datasets, and the table of them.")] = False,
    out: Annotated[
        Path | None,
        typer.Option(help=f"Write to this folder; default: print DATASET's page, write --all to {PAGES.as_posix()}."),
    ] = None,
) -> None:
    """What a contract says of a dataset: how to get it, what it may be used for, masks, groups, faults."""
    from components.intake.showing.dataset_page import INDEX, pages
    from components.intake.showing.plain_page import plain

    if (dataset is None) != every:
        raise typer.BadParameter("name a dataset, or give --all")
    try:
        names = contract_names() if dataset is None else (dataset,)
        contracts = [load_contract(name, CONTRACTS) for name in names]
        written = dict(pages(contracts))
    except ContractError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(MISUSE) from None
    for contract in contracts:
        warn_of_copies(contract)
    if dataset is not None:
        del written[INDEX]
        if out is None:
            text = written[f"{dataset}.md"]
            typer.echo(plain(text, shutil.get_terminal_size().columns) if sys.stdout.isatty() else text, nl=False)
            return
    folder = out or PAGES
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in written.items():
        write_text(folder / name, text)
        typer.echo(f"{(folder / name).as_posix()}")


def warn_of_copies(contract: Contract) -> None:
    """Say on stderr what a contract's source has in common with another's that it doesn't name."""
    for found in unlinked_sources(contract, CONTRACTS):
        typer.echo(f"Warning: {found}.", err=True)
