"""`sonoforge data show`: a contact sheet of a dataset, harmonised or still in its original layout.

Leaves out: the drawing (components/intake/showing/contact_sheet.py).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, NoReturn

import typer

from components.contract import CONTRACTS, Contract, load_contract
from components.errors import LayoutError, SonoForgeError
from pipelines.commands.data_places import HARMONISED, IMPORTS, MISUSE, RAW

if TYPE_CHECKING:
    from components.intake.showing.tiles import Tile

WORKERS = 2
REPORTS, SPLIT, SHEETS = Path("reports/data"), Path("data/03_splits/internal.csv"), Path("reports/sheets")


@dataclass(frozen=True, slots=True)
class Shelf:
    """What can be shown of a dataset: its tiles, in order, the folder they come from and their labels."""

    form: Literal["harmonised", "original layout"]
    folder: Path
    tiles: Sequence[Tile]
    labels: Sequence[str]


def register(app: typer.Typer) -> None:
    """Add the command to `sonoforge data`."""
    app.command("show")(show)


def show(
    dataset: Annotated[str, typer.Argument(help="Name of the contract, such as busi.")],
    out: Annotated[
        Path | None, typer.Option(help="Write the PNG here; default: reports/sheets/DATASET_page_K.png.")
    ] = None,
    images: Annotated[int, typer.Option(min=1, max=200, help="Images on a page.")] = 20,
    page: Annotated[int, typer.Option(min=1, help="Which page.")] = 1,
    flagged: Annotated[bool, typer.Option("--flagged", help="Only images with a flag or a fault.")] = False,
    split: Annotated[str | None, typer.Option(help="Only images of this side: train, val or test.")] = None,
    source: Annotated[
        Path | None, typer.Option(help="Show this folder in its original layout, not the harmonised form.")
    ] = None,
    show_text: Annotated[
        bool, typer.Option("--show-text", help="Leave burnt-in text readable; such a sheet isn't to be passed on.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")] = False,
) -> None:
    """Draw a contact sheet: images with the outlines of their objects, and what is known of each.

    Burnt-in text is covered, and names that may tell of a person are withheld.
    """
    from components.intake.showing.contact_sheet import label_colours, write_sheet
    from components.intake.showing.tiles import in_order

    try:
        contract = load_contract(dataset, CONTRACTS)
        shelf = _shelf(contract, source, flagged=flagged, show_text=show_text)
        chosen = in_order(tile for tile in _of_split(shelf, contract, split) if tile.notes or not flagged)
        pages = -(-len(chosen) // images)
        _check_page(page, pages)
        start = (page - 1) * images
        on_page = chosen[start : start + images]
        path = out or SHEETS / f"{dataset}_page_{page}.png"
        shown = []
        if on_page:
            which = "".join(filter(None, (" flagged" if flagged else "", f" {split}" if split else "")))
            span = f"{start + 1}–{start + len(on_page)}" if len(on_page) > 1 else f"{start + 1}"
            shown = write_sheet(
                path,
                on_page,
                title=f"{dataset} · {contract.anatomy}",
                subtitle=f"{shelf.form} · {contract.role} ·{which} images {span} of {len(chosen)} · "
                f"page {page} of {pages}",
                colours=label_colours(shelf.labels),
            )
    except SonoForgeError as error:
        _stop(error)
    if as_json:
        summary = {
            "schema": 1,
            "dataset": dataset,
            "form": shelf.form,
            "folder": shelf.folder.as_posix(),
            "sheet": path.as_posix() if on_page else None,
            "page": page,
            "pages": pages,
            "images": len(chosen),
            "shown": [one.as_json() for one in shown],
        }
        typer.echo(json.dumps(summary, indent=2, ensure_ascii=False))
    elif on_page:
        typer.echo(f"{path.as_posix()}: {len(on_page)} of {len(chosen)} images ({shelf.form}), page {page} of {pages}")
    else:
        typer.echo(f"No image of {dataset} to show: none is {'flagged' if flagged else f'in {split}'}.")


def _shelf(contract: Contract, source: Path | None, *, flagged: bool, show_text: bool) -> Shelf:
    """The harmonised form where there is one, else the original layout that the graph, an import or a user put down."""
    from components.intake.form.records import MANIFEST, read_manifest
    from components.intake.showing.flagged import read_flagged, tells
    from components.intake.showing.tiles import tiles_of_records

    labels = list(contract.mask.labels.values())
    folder = HARMONISED / contract.role / contract.name
    if source is not None or not (folder / MANIFEST).is_file():
        return _raw_shelf(contract, source, labels, flagged=flagged, show_text=show_text)
    records = read_manifest(folder)
    report = read_flagged(REPORTS / contract.name)
    tiles = tiles_of_records(
        records,
        faults=report.codes(),
        splits=_splits(contract.name),
        tells=partial(tells, contract=contract),
        show_text=show_text,
    )
    if flagged:
        phantom = any(record.phantom for record in records)
        tiles += report.without_picture({one.image_id for one in records}, contract, phantom=phantom)
    return Shelf("harmonised", folder, tiles, [*labels, *(o.label for record in records for o in record.objects)])


def _raw_shelf(
    contract: Contract, source: Path | None, labels: Sequence[str], *, flagged: bool, show_text: bool
) -> Shelf:
    from components.intake.layouts import phantom_notice, read_layout
    from components.intake.showing.flagged import flagged_of, tells
    from components.intake.showing.tiles import tiles_of_cases

    here = [source] if source else [at / contract.name for at in (RAW, IMPORTS) if (at / contract.name).is_dir()]
    if not here:
        raise LayoutError(
            f"nothing of {contract.name} is here yet",
            expected=f"{HARMONISED / contract.role / contract.name}, {RAW / contract.name} or "
            f"{IMPORTS / contract.name}",
            remedy=f"run the stage harmonise@{contract.name}, name a folder with --source, or get the data: "
            f"{contract.source.obtain}",
        )
    folder = here[0]
    phantom = phantom_notice(folder)
    if flagged:  # what is wrong with an image shows in its pixels only
        from components.engines import Threads
        from components.intake.validate_data import check_data

        checked = check_data(contract, folder, phantom=phantom, contracts=CONTRACTS, engine=Threads(WORKERS))
        cases, faults = checked.cases, checked.faults
    else:
        reading = read_layout(contract, folder, phantom=phantom, contracts=CONTRACTS)
        cases, faults = reading.cases, reading.faults
    if not cases and not flagged:
        raise LayoutError(
            f"{contract.name}: no image with its annotation in {folder}",
            expected="the dataset in its original layout",
            remedy=f"run `sonoforge data check {contract.name} --source {folder}` to see what is missing",
        )
    told = flagged_of(faults, cases, folder=folder)
    tiles = tiles_of_cases(
        dict(enumerate(cases, 1)),
        contract,
        folder=folder,
        phantom=phantom,
        faults=told.codes(),
        tells=partial(tells, contract=contract),
        show_text=show_text,
    )
    if flagged:
        tiles += told.without_picture({case.image_id for case in cases}, contract, phantom=phantom)
    return Shelf("original layout", folder, tiles, labels)


def _splits(dataset: str) -> dict[str, str]:
    """The side of each image of a dataset; empty where nothing was split yet."""
    from components.intake.form.records import read_split

    if not SPLIT.is_file():
        return {}
    frame = read_split(SPLIT)
    mine = frame[frame["dataset"] == dataset]
    return dict(zip(mine["image_id"], mine["split"], strict=True))


def _of_split(shelf: Shelf, contract: Contract, split: str | None) -> list[Tile]:
    from components.intake.form.records import SPLITS

    if split is None:
        return list(shelf.tiles)
    if split not in SPLITS:
        raise LayoutError(f"no split {split!r}", expected=f"one of {', '.join(SPLITS)}", remedy="correct --split")
    if not any(tile.split for tile in shelf.tiles):
        external = contract.role == "external"
        raise LayoutError(
            f"the images of {contract.name} have no split",
            expected=f"a harmonised internal dataset in {SPLIT}",
            remedy="leave --split out: external datasets are never split" if external else "run the stage `split`",
        )
    return [tile for tile in shelf.tiles if tile.split == split]


def _check_page(page: int, pages: int) -> None:
    if page > max(pages, 1):
        raise LayoutError(
            f"no page {page}",
            expected=f"a page from 1 to {pages}",
            remedy="choose one of them, or change --images",
        )


def _stop(error: SonoForgeError) -> NoReturn:
    typer.echo(str(error), err=True)
    raise typer.Exit(MISUSE)
