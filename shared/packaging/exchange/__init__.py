"""Packages as archives ask for them at the edges, and the way from one form into another.

`convert` takes DA/T 48, Danglian's own package, the item package of DA/T 93-2022 and the medium of
档发〔2012〕7号, each read and written. `docs/packages.md` shows them.
"""

from shared.packaging.exchange.carried import Carried, Loss
from shared.packaging.exchange.convert import Converted, build, convert, trust_in
from shared.packaging.exchange.judge import FormReport, judge
from shared.packaging.exchange.papers import About
from shared.packaging.exchange.sources import FORMS, Source, form_at, is_eep, opened_source
from shared.packaging.exchange.unpack import Unpacked, unpack

__all__ = [
    "FORMS",
    "About",
    "Carried",
    "Converted",
    "FormReport",
    "Loss",
    "Source",
    "Unpacked",
    "build",
    "convert",
    "form_at",
    "is_eep",
    "judge",
    "opened_source",
    "trust_in",
    "unpack",
]
