"""The table by which look-ups are rationed."""

from __future__ import annotations

from sqlalchemy import Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from shared.kernel.database import Model


class LookupUse(Model):
    """How often an account has looked records up in an hour (`2026-11-26T08`), and found nothing.

    Kept here and not in a process, so that several processes count together.
    """

    __tablename__ = "sharing_lookup_use"
    __table_args__ = ({"info": {"origin": "backup"}},)

    account_id: Mapped[str] = mapped_column(String(80), primary_key=True)
    hour: Mapped[str] = mapped_column(String(13), primary_key=True)
    asked: Mapped[int] = mapped_column(Integer, default=0)
    missed: Mapped[int] = mapped_column(Integer, default=0)
