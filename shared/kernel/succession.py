"""Key roll-over: a statement by which one key hands over to the next (protocol §8).

Whoever knows one key of a chain of statements can follow it, forward and backward: each statement
is signed by the old key, which names the new one, and by the new one, which names the old.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from shared.kernel.clock import utc_text
from shared.kernel.errors import Invalid
from shared.kernel.keys import PublicKey, Seal, document_is_signed_by, sign_document

#: Sets these documents apart from every other one that the same key signs.
WHAT = "key_succession/1"
#: Far more roll-overs than a hub will ever have.
MOST_STATEMENTS = 1000

Statement = dict[str, Any]


@dataclass(frozen=True)
class Succession:
    """What a checked statement says: the `serial`th key of its holder follows the one before."""

    holder: str
    serial: int
    old: PublicKey
    new: PublicKey


def hub_holder(hub_id: str) -> str:
    """The name under which a hub's own key is rolled over."""
    return f"hub:{hub_id}"


def seal_holder(archive_code: str) -> str:
    """The name under which the seal 印章 of an archive is rolled over."""
    return f"archive:{archive_code}"


def state_succession(holder: str, serial: int, old: Seal, new: Seal) -> Statement:
    """The statement that `new` is the `serial`th key of this holder (the first one is 1)."""
    document = {
        "what": WHAT,
        "holder": holder,
        "serial": serial,
        "old_public_key": old.public.hex,
        "new_public_key": new.public.hex,
        "at": utc_text(),
    }
    return {
        **document,
        "old_signature": sign_document(old, document)["signature"],
        "new_signature": sign_document(new, document)["signature"],
    }


def read_succession(statement: object, holder: str) -> Succession:
    """Check a statement: its form, its holder, and both signatures. Raises Invalid."""
    if not isinstance(statement, Mapping):
        raise _bad()
    document = {
        name: value
        for name, value in statement.items()
        if name not in ("old_signature", "new_signature")
    }
    serial = document.get("serial")
    if (document.get("what"), document.get("holder")) != (WHAT, holder) or type(serial) is not int:
        raise _bad()
    old = PublicKey.from_hex(document.get("old_public_key"))
    new = PublicKey.from_hex(document.get("new_public_key"))
    try:
        signed = all(
            document_is_signed_by(key, document, {"signature": statement.get(name)})
            for key, name in ((old, "old_signature"), (new, "new_signature"))
        )
    except TypeError:  # a value without canonical form was never signed
        signed = False
    if old == new or not signed:
        raise _bad()
    return Succession(holder, serial, old, new)


def read_chain(statements: object, holder: str) -> list[Succession]:
    """Check statements that follow one upon the other. Raises Invalid when they do not."""
    if not isinstance(statements, Sequence) or len(statements) > MOST_STATEMENTS:
        raise _bad()
    chain: list[Succession] = []
    for statement in statements:
        step = read_succession(statement, holder)
        if chain and (step.serial, step.old) != (chain[-1].serial + 1, chain[-1].new):
            raise _bad()
        chain.append(step)
    return chain


def _bad() -> Invalid:
    return Invalid(
        "statement",
        "密钥更换的声明没有新旧两把密钥的有效签名，或前后不衔接。",
        "请联系市档案馆核对，在此之前不要采用新的密钥。",
        code="bad_succession",
    )
