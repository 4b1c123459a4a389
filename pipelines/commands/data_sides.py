"""`sonoforge data keep-sides`: the sides of the present split's real images to the record that later splits keep.

Leaves out: the record itself (components/intake/sides/record.py), and dividing (the stage `split`).
"""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from components.errors import LayoutError, LeakError, SonoForgeError
from pipelines.commands.data_places import HARMONISED, MISUSE

if TYPE_CHECKING:
    from components.intake.sides.record import Kept

PARAMS, SPLIT = Path("params.yaml"), Path("data/03_splits/internal.csv")
CONTRADICTION = 1


def register(app: typer.Typer) -> None:
    """Add the command to `sonoforge data`."""
    app.command("keep-sides")(keep_sides)


def keep_sides(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")] = False,
) -> None:
    """Put the sides of the split's real images on record (data/sides.csv), so that no later split changes them."""
    from components.intake.sides.record import SIDES
    from pipelines.graph import one_at_a_time

    try:
        # Another one, or a split that begins meanwhile, would write what it read before this one wrote.
        with one_at_a_time(Path(), say=lambda line: typer.echo(line, err=True)):
            kept = _kept(SIDES)
    except SonoForgeError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(CONTRADICTION if isinstance(error, LeakError) else MISUSE) from None
    added = Counter((row.dataset, row.split) for row in kept.added)
    after = [f"git add {SIDES.as_posix()}", "git commit", "dvc repro"] if kept.added else []
    if as_json:
        by_dataset: dict[str, Any] = {}
        for (dataset, side), count in sorted(added.items()):
            by_dataset.setdefault(dataset, {})[side] = count
        summary = {
            "schema": 1,
            "record": SIDES.as_posix(),
            "added": by_dataset,
            "known": kept.known,
            "phantoms": kept.phantoms,
            "next": after,
        }
        typer.echo(json.dumps(summary, indent=2, ensure_ascii=False))
        return
    for (dataset, side), count in sorted(added.items()):
        typer.echo(f"{dataset}: {count} {side}")
    typer.echo(f"Added to {SIDES.as_posix()}: {len(kept.added)} images. On record already: {kept.known}.")
    if kept.phantoms:
        typer.echo(f"Left out: {kept.phantoms} phantoms, which are made anew from parameters and have no record.")
    if after:
        typer.echo(f"Next: {', '.join(f'`{command}`' for command in after)}")


def _kept(path: Path) -> Kept:
    """Read split and harmonised data, prove that they belong together, and add to the record."""
    from components.intake.form.records import open_manifest, read_split
    from components.intake.sides.images import Images
    from components.intake.sides.record import keep_sides as keep
    from components.intake.sides.record import sides_by_key
    from components.intake.sides.relatives import Relatives
    from components.intake.split import assert_no_leak
    from components.params import load_params

    names = load_params(PARAMS).names("internal")
    if not names:
        raise LayoutError(
            "the run has no internal dataset",
            expected="a dataset of role internal in params.yaml",
            remedy="import one (`sonoforge data import`); external datasets are never split",
        )
    frame = read_split(SPLIT)
    images = Images({name: open_manifest(HARMONISED / "internal" / name) for name in names})
    columns = frame[["dataset", "image_id", "group"]].itertuples(index=False)
    clusters = {(dataset, image_id): group for dataset, image_id, group in columns}
    # By the clusters that the split itself names, so that no image is compared with another again.
    assert_no_leak(frame, images, relatives=Relatives(clusters, ()))
    return keep(path, sides_by_key(frame), images.records())
