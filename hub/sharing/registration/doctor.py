"""The stuck states of registering services: what a person has to look at."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import select
from sqlalchemy.orm import Session

from hub.sharing.registration.models import Registration
from shared.kernel.ailment import Ailment


def examine(session: Session) -> Iterator[Ailment]:
    """What the provincial platform could not be told, and what it did not take."""
    for each in session.scalars(
        select(Registration)
        .where(Registration.state.in_(("given_up", "refused")))
        .order_by(Registration.code)
    ):
        if each.state == "given_up":
            yield Ailment(
                "registration_undelivered",
                f"服务登记 {each.code} 试了 {each.tries} 次，没有送达省级平台。",
                "检查设置 province_url 和到省级平台的网络，然后运行 "
                "danglian hub registrations again --dir … 写上服务代码，或在“服务登记”里重新发送。",
            )
        else:
            yield Ailment(
                "registration_refused",
                f"服务登记 {each.code} 省级平台没有通过。",
                "运行 danglian hub registrations list --dir … 查看原因；"
                "由档案馆的人员在“服务登记”里修改后重新提出。",
            )
