// Dragging a row of a category to its place, by mouse or finger; one request for each drop.
// By keyboard the buttons of the row do the same, without this script.
(() => {
  "use strict";

  const body = document.getElementById("order");
  if (!body) return;
  const told = document.getElementById("order-told");
  const form = document.getElementById("move");
  const EDGE = 70;
  let held = null; // the row that is being dragged, and where it came from

  const rows = () => [...body.rows];

  const scroll = () => {
    if (!held) return;
    const below = held.y - (window.innerHeight - EDGE);
    const above = EDGE - held.y;
    if (below > 0) window.scrollBy(0, Math.min(below, EDGE) / 4);
    else if (above > 0) window.scrollBy(0, -Math.min(above, EDGE) / 4);
    if (below > 0 || above > 0) place();
    held.frame = requestAnimationFrame(scroll);
  };

  const place = () => {
    const under = document.elementFromPoint(held.x, Math.max(0, held.y));
    const row = under && under.closest("#order > tr");
    if (!row || row === held.row) return;
    const box = row.getBoundingClientRect();
    row[held.y < box.top + box.height / 2 ? "before" : "after"](held.row);
  };

  const settle = () => {
    if (!held) return null;
    const was = held;
    held = null;
    cancelAnimationFrame(was.frame);
    was.row.classList.remove("dragged");
    return was;
  };

  const putBack = (was) => was.before ? was.before.before(was.row) : body.append(was.row);

  body.addEventListener("pointerdown", (event) => {
    const handle = event.target.closest("[data-drag]");
    if (!handle || event.button !== 0 || held) return;
    event.preventDefault();
    const row = handle.closest("tr");
    held = { row, before: row.nextElementSibling, from: rows().indexOf(row), x: event.clientX, y: event.clientY };
    row.classList.add("dragged");
    body.setPointerCapture(event.pointerId);
    held.frame = requestAnimationFrame(scroll);
  });

  body.addEventListener("pointermove", (event) => {
    if (!held) return;
    // Within the row's own column, so that a finger that strays sideways still hits a row.
    held.x = body.getBoundingClientRect().left + 20;
    held.y = event.clientY;
    place();
  });

  body.addEventListener("pointerup", () => {
    const was = settle();
    if (was && rows().indexOf(was.row) !== was.from) send(was);
  });

  body.addEventListener("pointercancel", () => {
    const was = settle();
    if (was) putBack(was);
  });

  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !held) return;
    putBack(settle());
  });

  async function send(was) {
    const start = Number(form.elements.from.value);
    const data = new FormData();
    data.set("csrf_token", form.elements.csrf_token.value);
    data.set("from", String(start));
    data.set("move", `${was.row.dataset.id}:${start + rows().indexOf(was.row) + 1}`);
    renumber(start);
    body.setAttribute("aria-busy", "true");
    try {
      const answer = await fetch(form.action, {
        method: "POST", body: data, headers: { Accept: "application/json", "HX-Request": "true" }, signal: AbortSignal.timeout(20000),
      });
      if (answer.ok) show(await answer.json());
      else fail(was, start, await answer.text());
    } catch {
      fail(was, start, "与服务器的连接中断，请稍后重试。");
    } finally {
      body.removeAttribute("aria-busy");
    }
  }

  function fail(was, start, text) {
    putBack(was);
    renumber(start);
    told.textContent = `没有移动：${text}`;
    told.classList.add("text-danger");
  }

  function renumber(start) {
    const all = rows();
    const total = Number(body.dataset.total);
    all.forEach((row, index) => {
      const at = start + index + 1;
      row.cells[0].querySelector("[data-place]").textContent = String(at);
      const [up, down] = row.querySelectorAll("[data-step]");
      up.value = `${row.dataset.id}:${at - 1}`;
      up.disabled = at === 1;
      down.value = `${row.dataset.id}:${at + 1}`;
      down.disabled = at === total;
    });
  }

  function show(result) {
    for (const row of rows()) {
      const number = result.numbers[row.dataset.id];
      row.querySelector("[data-number]").textContent = number === null || number === undefined ? "—" : String(number);
    }
    told.textContent = result.told;
    told.classList.remove("text-danger");
    const undo = document.getElementById("undo");
    undo.hidden = !result.undo;
    if (result.undo) {
      undo.action = result.undo.url;
      undo.querySelector("[data-undo-what]").textContent = result.undo.what;
    }
  }
})();
