"""The answers of OAI-PMH 2.0: each verb, the errors, and the XML around them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from time import time

from lxml import etree
from sqlalchemy.orm import Session

from hub.federation import service as federation
from hub.sharing.harvesting import listing
from hub.sharing.harvesting.asked import Asked, Place, ProtocolError, bad_token
from hub.sharing.harvesting.formats import XSI, Format, element_in, formats
from hub.sharing.harvesting.listing import Entry, Sets, Window
from hub.sharing.policies import Audience
from shared.kernel.database import Database
from shared.kernel.errors import Unavailable

OAI = "http://www.openarchives.org/OAI/2.0/"
_IDENTIFIER = "http://www.openarchives.org/OAI/2.0/oai-identifier"
#: Controls, surrogates and non-characters (XML 1.0, 2.2).
_NO_XML = re.compile("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@dataclass(frozen=True)
class Repository:
    """Who answers: the address of the endpoint, its names, and what this harvester may see."""

    base: str
    name: str
    domain: str
    email: str
    audience: Audience


class Harvest:
    """Answers the requests of one harvester."""

    def __init__(self, repository: Repository, database: Database) -> None:
        self._repository = repository
        self._database = database
        self._formats = formats(repository.base)

    def answer(self, asked: Asked) -> bytes:
        """The answer to one request. Raises Unavailable when a list has to wait a moment."""
        root, moment = self._root()
        request = etree.SubElement(root, _tag("request"))
        request.text = self._repository.base
        for name, value in asked.arguments.items():
            request.set(name, _clean(value))
        try:
            body = etree.Element(_tag(asked.verb))
            _VERBS[asked.verb](self, asked, body, moment)
            root.append(body)
        except ProtocolError as error:
            _append_error(root, error)
        return _bytes(root)

    def refuse(self, error: ProtocolError) -> bytes:
        """The answer to what is no request: its arguments are not repeated."""
        root, _ = self._root()
        etree.SubElement(root, _tag("request")).text = self._repository.base
        _append_error(root, error)
        return _bytes(root)

    def _root(self) -> tuple[etree._Element, etree._Element]:
        root = element_in(OAI, "OAI-PMH")
        root.set(f"{{{XSI}}}schemaLocation", f"{OAI} {OAI}OAI-PMH.xsd")
        moment = etree.SubElement(root, _tag("responseDate"))
        moment.text = stamp(int(time()))
        return root, moment

    # The verbs

    def _identify(self, _: Asked, body: etree._Element, __: etree._Element) -> None:
        mine = self._repository
        with self._database.read() as session:
            first = listing.earliest(mine.audience, session)
        for name, value in (
            ("repositoryName", mine.name),
            ("baseURL", mine.base),
            ("protocolVersion", "2.0"),
            ("adminEmail", mine.email),
            ("earliestDatestamp", stamp(int(time()) if first is None else first)),
            ("deletedRecord", "persistent"),
            ("granularity", "YYYY-MM-DDThh:mm:ssZ"),
            ("compression", "gzip"),
        ):
            etree.SubElement(body, _tag(name)).text = value
        about = element_in(_IDENTIFIER, "oai-identifier")
        etree.SubElement(body, _tag("description")).append(about)
        about.set(f"{{{XSI}}}schemaLocation", f"{_IDENTIFIER} {_IDENTIFIER}.xsd")
        for name, value in (
            ("scheme", "oai"),
            ("repositoryIdentifier", mine.domain),
            ("delimiter", ":"),
            ("sampleIdentifier", f"oai:{mine.domain}:01890a5d-ac96-774b-bcce-b302099a8057"),
        ):
            etree.SubElement(about, f"{{{_IDENTIFIER}}}{name}").text = value

    def _metadata_formats(self, asked: Asked, body: etree._Element, _: etree._Element) -> None:
        if asked.identifier:
            with self._database.read() as session:
                if self._entry(asked.identifier, session).body is None:
                    raise ProtocolError("noMetadataFormats", "The record is deleted.")
        for each in self._formats.values():
            element = etree.SubElement(body, _tag("metadataFormat"))
            etree.SubElement(element, _tag("metadataPrefix")).text = each.prefix
            etree.SubElement(element, _tag("schema")).text = each.schema
            etree.SubElement(element, _tag("metadataNamespace")).text = each.namespace

    def _sets(self, asked: Asked, body: etree._Element, _: etree._Element) -> None:
        if asked.place is not None:
            raise bad_token()
        with self._database.read() as session:
            shared = listing.shared_fonds(self._repository.audience, session)
            found = listing.sets(shared, session)
        if not found.names:
            raise ProtocolError("noSetHierarchy", "Nothing is shared yet.")
        for spec, name in found.names.items():
            element = etree.SubElement(body, _tag("set"))
            etree.SubElement(element, _tag("setSpec")).text = spec
            etree.SubElement(element, _tag("setName")).text = name

    def _record(self, asked: Asked, body: etree._Element, _: etree._Element) -> None:
        form = self._format(asked.prefix)
        with self._database.read() as session:
            entry = self._entry(asked.identifier, session)
            known = listing.sets([entry.fonds_id], session)
        self._append_record(body, entry, known, form)

    def _identifiers(self, asked: Asked, body: etree._Element, moment: etree._Element) -> None:
        listed = self._listed(asked, moment)
        for entry in listed.entries:
            self._append_header(body, entry, listed.sets)
        listed.append_token(body)

    def _records(self, asked: Asked, body: etree._Element, moment: etree._Element) -> None:
        listed = self._listed(asked, moment)
        for entry in listed.entries:
            self._append_record(body, entry, listed.sets, listed.form)
        listed.append_token(body)

    # Lists

    def _listed(self, asked: Asked, moment: etree._Element) -> Listed:
        """One page of a list, and how it goes on. Raises ProtocolError, Unavailable."""
        place = asked.place or self._begun(asked, moment)
        form = self._format(place.prefix)
        audience = self._repository.audience
        with self._database.read() as session:
            if federation.hub_of(session).generation != place.generation:
                raise bad_token()
            fonds = listing.fonds_in(place.set_spec, session) if place.set_spec else None
            found = listing.page(audience, Window(place.position, place.end), fonds, session)
            known = listing.sets({each.fonds_id for each in found}, session)
        if not found and place.given:
            # All that was left has changed since, and stands behind the end of this list.
            place = replace(place, end=self._end_now())
            with self._database.read() as session:
                found = listing.page(audience, Window(place.position, place.end), fonds, session)
                known = listing.sets({each.fonds_id for each in found}, session)
            if not found:
                raise Unavailable("记录正在变动。", "请过几秒再取。", code="list_moves")
        if not found:
            raise ProtocolError("noRecordsMatch", "There are no such records.")
        return Listed(form, found[: listing.PAGE], known, place, more=len(found) > listing.PAGE)

    def _begun(self, asked: Asked, moment: etree._Element) -> Place:
        self._format(asked.prefix)
        audience = self._repository.audience
        with self._database.write() as session:
            now = listing.begin_list(audience, session)
            window = listing.window(audience, asked.since, asked.until, now, session)
            generation = federation.hub_of(session).generation
        moment.text = stamp(now)
        return Place(generation, window.after, window.end, 0, asked.prefix, asked.set_spec)

    def _end_now(self) -> int:
        with self._database.write() as session:
            now = listing.begin_list(self._repository.audience, session)
            return listing.window(self._repository.audience, None, None, now, session).end

    def _format(self, prefix: str) -> Format:
        form = self._formats.get(prefix)
        if form is None:
            raise ProtocolError("cannotDisseminateFormat", "There is no such metadata prefix.")
        return form

    def _entry(self, identifier: str, session: Session) -> Entry:
        scheme, _, rest = identifier.partition(":")
        domain, _, record_id = rest.rpartition(":")
        entry = None
        if (scheme, domain) == ("oai", self._repository.domain) and _UUID.fullmatch(record_id):
            entry = listing.entry_of(self._repository.audience, record_id, session)
        if entry is None:
            raise ProtocolError("idDoesNotExist", "There is no such record.")
        return entry

    def _append_record(self, body: etree._Element, entry: Entry, known: Sets, form: Format) -> None:
        record = etree.SubElement(body, _tag("record"))
        self._append_header(record, entry, known)
        if entry.body is not None:
            etree.SubElement(record, _tag("metadata")).append(form.write(json.loads(entry.body)))

    def _append_header(self, body: etree._Element, entry: Entry, known: Sets) -> None:
        header = etree.SubElement(body, _tag("header"))
        if entry.body is None:
            header.set("status", "deleted")
        identifier = f"oai:{self._repository.domain}:{entry.record_id}"
        etree.SubElement(header, _tag("identifier")).text = identifier
        etree.SubElement(header, _tag("datestamp")).text = stamp(entry.stamped)
        for spec in known.of_fonds.get(entry.fonds_id, ()):
            etree.SubElement(header, _tag("setSpec")).text = spec


@dataclass(frozen=True)
class Listed:
    """One page of a list."""

    form: Format
    entries: Sequence[Entry]
    sets: Sets
    place: Place
    more: bool

    def append_token(self, body: etree._Element) -> None:
        """Say how the list goes on; at the end of one in several parts, that this is the end."""
        if not self.more and not self.place.given:
            return
        element = etree.SubElement(body, _tag("resumptionToken"), cursor=str(self.place.given))
        if self.more:
            onward = replace(
                self.place,
                position=self.entries[-1].position,
                given=self.place.given + len(self.entries),
            )
            element.text = onward.token


_VERBS: Mapping[str, Callable[[Harvest, Asked, etree._Element, etree._Element], None]] = {
    "Identify": Harvest._identify,
    "ListMetadataFormats": Harvest._metadata_formats,
    "ListSets": Harvest._sets,
    "GetRecord": Harvest._record,
    "ListIdentifiers": Harvest._identifiers,
    "ListRecords": Harvest._records,
}


def stamp(seconds: int) -> str:
    """Seconds since 1970 as the protocol writes them: `2024-06-01T02:03:04Z`."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _append_error(root: etree._Element, error: ProtocolError) -> None:
    etree.SubElement(root, _tag("error"), code=error.code).text = _clean(error.message)


def _tag(name: str) -> str:
    return f"{{{OAI}}}{name}"


def _clean(text: str) -> str:
    """Without what XML cannot hold: an argument may be anything."""
    return _NO_XML.sub("?", text)


def _bytes(root: etree._Element) -> bytes:
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8")
