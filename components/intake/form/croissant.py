"""Records to Croissant metadata (MLCommons Croissant 1.0, JSON-LD), so that others find, cite and load a dataset.

The shards are the distribution, each with its sha256; one record set describes the manifest's rows, two more give the
decoded images and masks by their ids. Authors and year are those of the contract's citation; nothing depends on the
time of writing, so that equal data give equal bytes. Leaves out: reading Croissant files.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa

from components.artefacts import sha256_of
from components.contract import Contract
from components.intake.form.counted import counted
from components.intake.form.records import COCO, MANIFEST, MANIFEST_SCHEMA, MANIFEST_SCHEMA_VERSION
from components.types import Record

CONFORMS_TO = "http://mlcommons.org/croissant/1.0"
TAR, PNG, PARQUET, JSON = "application/x-tar", "image/png", "application/x-parquet", "application/json"
# The terms that the format itself prescribes for the head of every description.
CONTEXT = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "sc": "https://schema.org/",
    "cr": "http://mlcommons.org/croissant/",
    "dct": "http://purl.org/dc/terms/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "conformsTo": "dct:conformsTo",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "examples": {"@id": "cr:examples", "@type": "@json"},
    **{
        term: f"cr:{term}"
        for term in (
            "citeAs",
            "column",
            "equivalentProperty",
            "extract",
            "field",
            "fileProperty",
            "fileObject",
            "fileSet",
            "format",
            "includes",
            "isLiveDataset",
            "jsonPath",
            "key",
            "md5",
            "parentField",
            "path",
            "recordSet",
            "references",
            "regex",
            "repeated",
            "replace",
            "samplingRate",
            "separator",
            "source",
            "subField",
            "transform",
        )
    },
}


def to_croissant(
    records: Iterable[Record], contract: Contract, *, folder: Path, shards: Mapping[str, str]
) -> dict[str, Any]:
    """The Croissant description of a harmonised dataset.

    Parameters
    ----------
    folder
        Where manifest, COCO file and shards lie.
    shards
        The sha256 of each shard, by its path under `folder`.
    """
    return {
        "@context": CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": CONFORMS_TO,
        **_about(records, contract),
        "version": f"{MANIFEST_SCHEMA_VERSION}.0.0",
        "isLiveDataset": False,
        "distribution": [
            _file(folder, MANIFEST, PARQUET, sha256_of(folder / MANIFEST), "a row for each image"),
            _file(folder, COCO, JSON, sha256_of(folder / COCO), "the objects' masks as COCO run lengths"),
            *(_file(folder, name, TAR, sha256, "images and instance masks") for name, sha256 in shards.items()),
            _members("images", "*.image.png", shards),
            _members("masks", "*.mask.png", shards),
        ],
        "recordSet": [
            _manifest_rows(),
            _pixels("images", "image", "decoded pixels at native resolution, grey or RGB"),
            _pixels("masks", "mask", "instance mask: 0 is background, k the object with index k"),
        ],
    }


def _about(records: Iterable[Record], contract: Contract) -> dict[str, Any]:
    """Name, description, licence, citation and authors; phantoms have none of the dataset whose layout they borrow."""
    found = counted(records)
    count = f"{found.images} images in {found.groups} groups"
    source = contract.source
    if found.phantom:
        return {
            "name": f"{contract.name}_phantom",
            "description": f"PHANTOMS, no patient data: {contract.anatomy}, made by SonoForge's generator in the "
            f"layout of {source.title}; {count}.",
            "license": "https://spdx.org/licenses/Apache-2.0.html",
            "url": source.address,
            "creator": {"@type": "sc:Organization", "name": "SonoForge"},
        }
    return {
        "name": contract.name,
        "description": f"{source.title}: {contract.anatomy}, harmonised by SonoForge; {count}.",
        "license": contract.licence.stated,
        "url": source.address,
        "citeAs": source.citation,
        **cited(source.citation),
    }


def cited(citation: str) -> dict[str, Any]:
    """Authors and year of a citation as `Surname AB, Surname C. Title. Journal 28 (2020) 104863.`; what doesn't read
    like that is left out rather than guessed."""
    names = citation.split(". ", 1)[0].removesuffix(" et al").split(", ")
    people = [{"@type": "sc:Person", "name": name} for name in names if re.fullmatch(r"\D+ [A-Z]{1,3}", name)]
    year = re.search(r"\b(19|20)\d\d\b", citation)
    return ({"creator": people} if len(people) == len(names) else {}) | ({"datePublished": year[0]} if year else {})


def _file(folder: Path, name: str, encoding_format: str, sha256: str, description: str) -> dict[str, Any]:
    return {
        "@type": "cr:FileObject",
        "@id": name,
        "name": name,
        "description": description,
        "contentUrl": name,
        "contentSize": f"{(folder / name).stat().st_size} B",
        "encodingFormat": encoding_format,
        "sha256": sha256,
    }


def _members(name: str, includes: str, shards: Mapping[str, str]) -> dict[str, Any]:
    return {
        "@type": "cr:FileSet",
        "@id": f"{name}-files",
        "name": f"{name}-files",
        "description": f"the {name} in the shards",
        "containedIn": [{"@id": shard} for shard in shards],
        "encodingFormat": PNG,
        "includes": includes,
    }


def _manifest_rows() -> dict[str, Any]:
    return {
        "@type": "cr:RecordSet",
        "@id": "manifest",
        "name": "manifest",
        "description": "one record for each image",
        "key": {"@id": "manifest/image_id"},
        "field": [_column(field) for field in MANIFEST_SCHEMA],
    }


def _column(field: pa.Field) -> dict[str, Any]:
    kind = field.type
    listed = pa.types.is_list(kind) or pa.types.is_fixed_size_list(kind)
    value = kind.value_type if listed else kind
    source: dict[str, Any] = {"fileObject": {"@id": MANIFEST}, "extract": {"column": field.name}}
    described = {"@type": "cr:Field", "@id": f"manifest/{field.name}", "name": field.name, "description": told(field)}
    if listed:
        described["repeated"] = True
    if pa.types.is_struct(value):
        return described | {"source": source, "subField": [_part(field.name, part) for part in value]}
    return described | {"dataType": _data_type(value), "source": source}


def _part(column: str, field: pa.Field) -> dict[str, Any]:
    """A field of the structs in a column, which is read from the struct by its name."""
    kind = field.type
    listed = pa.types.is_fixed_size_list(kind)
    return {
        "@type": "cr:Field",
        "@id": f"manifest/{column}/{field.name}",
        "name": field.name,
        "description": told(field),
        "dataType": _data_type(kind.value_type if listed else kind),
        **({"repeated": True} if listed else {}),
        "source": {
            "fileObject": {"@id": MANIFEST},
            "extract": {"column": column},
            "transform": {"jsonPath": field.name},
        },
    }


def told(field: pa.Field) -> str:
    """A column's meaning, with its unit."""
    told = {key.decode(): value.decode() for key, value in (field.metadata or {}).items()}
    return told["meaning"] + (f", in {told['unit']}s" if "unit" in told else "")


def _data_type(kind: pa.DataType) -> str:
    if pa.types.is_boolean(kind):
        return "sc:Boolean"
    if pa.types.is_integer(kind):
        return "sc:Integer"
    return "sc:Float" if pa.types.is_floating(kind) else "sc:Text"


def _pixels(name: str, kind: str, description: str) -> dict[str, Any]:
    """A record set of PNGs and the ids that their names carry."""
    source = {"fileSet": {"@id": f"{name}-files"}}
    id_in_name = {"extract": {"fileProperty": "filename"}, "transform": {"regex": rf"^(.*)\.{kind}\.png$"}}
    return {
        "@type": "cr:RecordSet",
        "@id": name,
        "name": name,
        "description": description,
        "key": {"@id": f"{name}/image_id"},
        "field": [
            {
                "@type": "cr:Field",
                "@id": f"{name}/image_id",
                "name": "image_id",
                "description": "id of the image; its dots are written %2E here",
                "dataType": "sc:Text",
                "source": source | id_in_name,
            },
            {
                "@type": "cr:Field",
                "@id": f"{name}/content",
                "name": "content",
                "description": description,
                "dataType": "sc:ImageObject",
                "source": source | {"extract": {"fileProperty": "content"}},
            },
        ],
    }
