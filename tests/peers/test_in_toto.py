"""in-toto's own rule engine over the links of all steps: each material is what an earlier step left."""

from __future__ import annotations

import copy
import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from support_sealed import FILES, SDIST, WHEEL, Sealed
from tagseal.steps import RELEASE_ORDER, STEPS, split_node

DOWNLOAD = "download"  # a last step without products: what the public gets from the index
Links = dict[str, Any]


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def classic(sealed: Sealed, node: str) -> Any:
    """Return a step's link/v0.3 statement as the Link that the engine knows, with the step's record as a product."""
    from in_toto.models.link import Link

    folder = sealed.made.directory / "steps" / node
    statement = json.loads((folder / "link.json").read_bytes())
    predicate = statement["predicate"]
    assert statement["predicateType"] == "https://in-toto.io/attestation/link/v0.3"
    assert predicate["name"] == node
    products = {entry["name"]: entry["digest"] for entry in statement["subject"]}
    return Link(
        name=node,
        command=predicate["command"],
        materials={entry["name"]: entry["digest"] for entry in predicate["materials"]},
        products={**products, f"steps/{node}/record.json": {"sha256": sha256(folder / "record.json")}},
        byproducts=predicate["byproducts"],
        environment=predicate["environment"],
    )


@pytest.fixture
def links(sealed: Sealed) -> Links:
    from in_toto.models.link import Link

    served = sealed.made.services.index.service.files
    found = {node: classic(sealed, node) for node in RELEASE_ORDER}
    downloaded = {f"dist/{name}": {"sha256": hashlib.sha256(served[name].data).hexdigest()} for name in FILES}
    return {**found, DOWNLOAD: Link(name=DOWNLOAD, materials=downloaded, products={})}


def predecessors(node: str) -> tuple[str, ...]:
    """Return the nodes whose products a node may use, by the graph in the registry."""
    if node == DOWNLOAD:
        return ("build.a",)
    step, leg = split_node(node)
    return STEPS[step].legs[leg]


def layout() -> list[Any]:
    """Return a layout's steps: materials come from predecessors alone, products are new."""
    from in_toto.models.layout import Step

    steps = []
    for node in (*RELEASE_ORDER, DOWNLOAD):
        step = Step(name=node)
        matches = [["MATCH", "*", "WITH", "PRODUCTS", "FROM", before] for before in predecessors(node)]
        step.expected_materials = [*matches, ["DISALLOW", "*"]]
        step.expected_products = [["CREATE", "*"], ["DISALLOW", "*"]]
        steps.append(step)
    by_name = {step.name: step for step in steps}
    by_name["build.a"].expected_products[:0] = [["REQUIRE", f"dist/{name}"] for name in FILES]
    by_name["hash"].expected_products.insert(0, ["REQUIRE", "SHA256SUMS"])
    return steps


def verify(links: Links) -> None:
    from in_toto.verifylib import verify_all_item_rules

    verify_all_item_rules(layout(), links)


@pytest.mark.peer("in-toto")
@pytest.mark.promise("R12")
@pytest.mark.promise("R23")
def test_the_chain_holds_from_source_to_download(links: Links) -> None:
    verify(links)
    used = {name for link in links.values() for name in link.materials}
    assert {"steps/verify-source/result.json", "dist/" + WHEEL, "dist/" + SDIST, "SHA256SUMS", "report.json"} <= used


def exchanged(node: str, kind: str, name: str) -> Callable[[Links], None]:
    """Return what gives a file another digest in one step's link."""

    def change(links: Links) -> None:
        assert name in getattr(links[node], kind), (node, kind, name)
        getattr(links[node], kind)[name] = {"sha256": "0" * 64}

    return change


def added(node: str, kind: str, name: str) -> Callable[[Links], None]:
    """Return what makes a file appear in one step's link."""
    return lambda links: getattr(links[node], kind).__setitem__(name, {"sha256": "0" * 64})


@pytest.mark.peer("in-toto")
@pytest.mark.promise("R12")
@pytest.mark.promise("R14")
@pytest.mark.promise("R23")
@pytest.mark.parametrize(
    "change",
    [
        exchanged("build.a", "products", f"dist/{WHEEL}"),
        exchanged("compare", "materials", f"steps/build.b/dist/{SDIST}"),
        exchanged("sign.release", "materials", f"dist/{WHEEL}"),
        exchanged("publish", "materials", f"attestations/{WHEEL}.publish.attestation"),
        exchanged("hash", "products", "SHA256SUMS"),
        exchanged("verify-source", "products", "steps/verify-source/pylock.build.toml"),
        exchanged("provenance", "materials", "steps/build.a/record.json"),
        exchanged(DOWNLOAD, "materials", f"dist/{SDIST}"),
        added("hash", "materials", "dist/evil-1.0.0-py3-none-any.whl"),
        added("publish", "materials", "dist/evil-1.0.0-py3-none-any.whl"),
        added(DOWNLOAD, "materials", "dist/evil-1.0.0-py3-none-any.whl"),
        lambda links: links["build.a"].products.pop(f"dist/{SDIST}"),
        lambda links: links.pop("inspect"),
    ],
)
def test_a_changed_chain_breaks(links: Links, change: Callable[[Links], None]) -> None:
    from in_toto.exceptions import RuleVerificationError

    changed = copy.deepcopy(links)
    change(changed)
    with pytest.raises((RuleVerificationError, KeyError)):
        verify(changed)
