"""The resource catalogue as DCAT (W3C Data Catalog Vocabulary, version 3), written by rdflib.

`data/dcat-shapes.ttl` says as SHACL what every catalogue written here keeps to.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rdflib import BNode, Graph, Literal, Namespace, URIRef
from rdflib.namespace import DCAT, DCTERMS, FOAF, RDF, RDFS, SKOS, XSD

from hub.sharing.resources.exports import Catalogue, category_names, provider_name
from hub.sharing.resources.scheme import load_scheme

#: Terms that DCAT has not: sharing types, update cycles, information items.
OWN = Namespace("urn:danglian:resource-catalogue:1#")
_PREFIXES = {
    "dcat": DCAT,
    "dct": DCTERMS,
    "foaf": FOAF,
    "skos": SKOS,
    "rdfs": RDFS,
    "dl": OWN,
}
_ZH = "zh"


def write(catalogue: Catalogue, syntax: str) -> bytes:
    """The catalogue in a syntax of RDF: `turtle` or `xml`."""
    return graph_of(catalogue).serialize(format=syntax, encoding="utf-8")


def graph_of(catalogue: Catalogue) -> Graph:
    """The catalogue as a graph: a dcat:Dataset per resource, in one dcat:Catalog."""
    graph = Graph(bind_namespaces="none")
    for prefix, namespace in _PREFIXES.items():
        graph.bind(prefix, namespace)
    root = URIRef(f"{catalogue.base}/resources/")
    graph.add((root, RDF.type, DCAT.Catalog))
    graph.add((root, DCTERMS.title, Literal(f"{catalogue.name}政务信息资源目录", _ZH)))
    graph.add((root, DCTERMS.description, Literal(f"按{load_scheme().standard}编制", _ZH)))
    graph.add((root, DCTERMS.modified, Literal(catalogue.made_at, datatype=XSD.dateTime)))
    graph.add((root, DCTERMS.publisher, _named(graph, BNode(), FOAF.Agent, catalogue.name)))
    for document in catalogue.documents:
        graph.add((root, DCAT.dataset, _dataset(graph, catalogue.base, document)))
    return graph


def _dataset(graph: Graph, base: str, document: Mapping[str, Any]) -> URIRef:
    scheme = load_scheme()
    code, sharing = document["code"], document["sharing"]
    dataset = URIRef(f"{base}/resources/by-code/{code}")
    provider = URIRef(f"urn:uscc:{document['provider']['code']}")
    _named(graph, provider, FOAF.Agent, provider_name(document))
    graph.add((provider, DCTERMS.identifier, Literal(document["provider"]["code"])))
    theme = OWN[f"category-{document['category']['item']}{document['category']['subject']}"]
    graph.add((theme, RDF.type, SKOS.Concept))
    graph.add((theme, SKOS.prefLabel, Literal(" / ".join(category_names(document)[:3]), _ZH)))
    rights = _labelled(
        graph, f"sharing-{sharing['type']}", DCTERMS.RightsStatement,
        scheme.sharing_types[sharing["type"]],
    )  # fmt: skip
    cycle = _labelled(
        graph, f"cycle-{document['update_cycle']}", DCTERMS.Frequency,
        scheme.update_cycles[document["update_cycle"]],
    )  # fmt: skip
    for predicate, value in (
        (RDF.type, DCAT.Dataset),
        (DCTERMS.title, Literal(document["name"], _ZH)),
        (DCTERMS.identifier, Literal(code)),
        (DCTERMS.description, Literal(document["abstract"], _ZH)),
        (DCTERMS.publisher, provider),
        (DCTERMS.issued, Literal(document["published_on"], datatype=XSD.date)),
        (DCTERMS.accrualPeriodicity, cycle),
        (DCTERMS.accessRights, rights),
        (DCAT.theme, theme),
        (URIRef(f"{DCAT}version"), Literal(str(document["version"]))),
        (OWN.openToSociety, Literal(document["opening"]["open"])),
        (DCAT.distribution, _distribution(graph, dataset, document)),
    ):
        graph.add((dataset, predicate, value))
    if sharing["conditions"]:
        graph.add((dataset, OWN.sharingConditions, Literal(sharing["conditions"], _ZH)))
    if document["opening"]["conditions"]:
        graph.add((dataset, OWN.openingConditions, Literal(document["opening"]["conditions"], _ZH)))
    for each in document["related"]:
        graph.add((dataset, DCTERMS.relation, URIRef(f"urn:danglian:resource:{each}")))
    for each in document["items"]["items"]:
        graph.add((dataset, OWN.informationItem, _item(graph, dataset, each)))
    return dataset


def _distribution(graph: Graph, dataset: URIRef, document: Mapping[str, Any]) -> URIRef:
    scheme, said = load_scheme(), document["format"]
    distribution = URIRef(f"{dataset}#distribution")
    graph.add((distribution, RDF.type, DCAT.Distribution))
    graph.add((distribution, DCAT.accessURL, dataset))
    kind = Literal(f"{scheme.formats[said['kind']]}：{said['type']}", _ZH)
    node = URIRef(f"{dataset}#format")
    graph.add((node, RDF.type, DCTERMS.MediaTypeOrExtent))
    graph.add((node, RDFS.label, kind))
    graph.add((distribution, DCTERMS["format"], node))
    return distribution


def _item(graph: Graph, dataset: URIRef, item: Mapping[str, Any]) -> URIRef:
    node = URIRef(f"{dataset}#item-{item['key']}")
    graph.add((node, RDF.type, OWN.InformationItem))
    graph.add((node, DCTERMS.identifier, Literal(item["key"])))
    graph.add((node, RDFS.label, Literal(item["name"], _ZH)))
    graph.add((node, OWN.dataType, Literal(item["type"])))
    if item["length"]:
        graph.add((node, OWN.length, Literal(item["length"])))
    return node


def _named(graph: Graph, node: Any, kind: URIRef, name: str) -> Any:
    graph.add((node, RDF.type, kind))
    graph.add((node, FOAF.name, Literal(name, _ZH)))
    return node


def _labelled(graph: Graph, name: str, kind: URIRef, label: str) -> URIRef:
    node = OWN[name]
    graph.add((node, RDF.type, kind))
    graph.add((node, RDFS.label, Literal(label, _ZH)))
    return node
