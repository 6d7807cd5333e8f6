"""The desk shows the seals in the files of a batch: whose, under whom, of what worth, when."""

from __future__ import annotations

from flask import Flask

from tests.hub.desk import Browser
from tests.hub.receiving.handover import Hub, Unit, pdf
from tests.shared.seals.samples import Party, signed_data, signed_pdf


def test_the_seals_in_the_files_of_a_batch_are_listed(hub: Hub, unit: Unit, desk: Flask) -> None:
    party = Party.make()
    sealed = signed_pdf(pdf("预算"), lambda message: signed_data(party.holder, message))
    batch = unit.hand_over_file("预算.pdf", sealed)
    hub.work("receiving.check")
    browser = Browser(desk, "reviewer")
    assert f"/review/{batch.id}/seals" in browser.get(f"/review/{batch.id}").text
    page = browser.get(f"/review/{batch.id}/seals").text
    for words in ("宜昌市财政局", "无法验证", "预算.pdf", "签章自己所写"):
        assert words in page
    assert Browser(desk, "stranger").get(f"/review/{batch.id}/seals").status_code == 404


def test_a_batch_without_seals_says_so(hub: Hub, unit: Unit, desk: Flask) -> None:
    batch = unit.hand_over(2)
    hub.work("receiving.check")
    browser = Browser(desk, "reviewer")
    assert f"/review/{batch.id}/seals" not in browser.get(f"/review/{batch.id}").text
    assert "没有签章" in browser.get(f"/review/{batch.id}/seals").text


def test_a_file_that_bears_a_mark_shows_nothing_of_its_seals(
    hub: Hub, unit: Unit, desk: Flask
) -> None:
    batch = unit.hand_over_marked()
    hub.work("receiving.check")
    page = Browser(desk, "reviewer").get(f"/review/{batch.id}/seals").text
    assert "正文.txt" not in page
