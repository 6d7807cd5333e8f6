from tests.hub.review.test_keyboard import *
def test_x(hub, unit, page, reviewer):
    b = unit.hand_over(4); hub.work(); hub.conclude(reviewer, b.id, "accepted"); unit.sign(b.id)
    page.goto("/sign-in"); page.fill("[name=login]","archivist"); page.fill("[name=password]",PASSWORD); page.keyboard.press("Enter"); page.wait_for_url("**/")
    page.goto(f"/receiving/{b.id}"); page.wait_for_timeout(1500)
    page.screenshot(path="/tmp/rcv.png", full_page=True)
    page.click("text=签字接收"); page.wait_for_timeout(1500); hub.work(); page.goto(f"/receiving/{b.id}"); page.set_viewport_size({"width":390,"height":800}); page.screenshot(path="/tmp/rcv2.png", full_page=True)
    open("/tmp/form.pdf","wb").write(page.request.get(f"/receiving/{b.id}/form.pdf").body())
    assert hub.batch(b.id).state == "received"
