// What pages do beyond plain HTML: keyboard in lists, dialogs, forms that survive a bad line.
(function () {
  "use strict";

  const body = document.body;
  const LOST = "与服务器的连接中断，已填内容仍在，请稍后重试。";

  function toast(text, link) {
    const box = document.getElementById("toasts");
    if (!box) return;
    // A modal dialog lies above everything that is not in it.
    (document.querySelector("dialog[open]") || body).append(box);
    for (const old of box.children) if (old.dataset.text === text) return;
    const note = document.createElement("div");
    note.className = "alert alert-danger alert-dismissible";
    note.setAttribute("role", "alert");
    note.dataset.text = text;
    const words = document.createElement("div");
    words.textContent = text;
    if (link) {
      const anchor = document.createElement("a");
      anchor.href = link.href;
      anchor.textContent = link.text;
      anchor.target = "_blank";
      anchor.className = "alert-link ms-2";
      words.append(anchor);
    }
    const close = document.createElement("button");
    close.type = "button";
    close.className = "btn-close";
    close.setAttribute("aria-label", "关闭");
    close.addEventListener("click", () => note.remove());
    note.append(words, close);
    box.append(note);
    if (!link) setTimeout(() => note.remove(), 12000);
  }

  // Before a form is sent: is the server there, and is it still the same person who is signed in?
  // What was typed stays on the page if not.
  function csrfMeta() { return document.querySelector('meta[name="csrf-token"]'); }

  async function sessionState() {
    const answer = await fetch(body.dataset.session, {
      headers: { Accept: "application/json" }, signal: AbortSignal.timeout(20000),
    });
    if (!answer.ok) throw new Error(String(answer.status));
    return answer.json();
  }

  function renew(token) {
    if (csrfMeta()) csrfMeta().content = token;
    for (const field of document.querySelectorAll('input[name="csrf_token"]')) field.value = token;
  }

  function sameAccount(state) {
    if (state.account === body.dataset.account) return true;
    if (!body.dataset.account && !state.account) return true;
    toast(state.account ? "已换了另一个账号登录，请刷新页面。" : "登录已超时，已填内容仍在。请重新登录后回到本页再提交。",
      state.account ? null : { href: body.dataset.signIn, text: "在新窗口登录" });
    return false;
  }

  // Files that no server would take are not sent first.
  function tooLarge(form) {
    for (const field of form.querySelectorAll('input[type="file"][data-most]')) {
      const size = [...field.files].reduce((sum, each) => sum + each.size, 0);
      if (size <= Number(field.dataset.most)) continue;
      toast(`所选文件共 ${gigabytes(size)}，超过一次 ${gigabytes(Number(field.dataset.most))} 的上限，没有上传。请分批上传，或拆分、压缩后再传。`);
      field.focus();
      return true;
    }
    return false;
  }

  function gigabytes(bytes) { return `${(bytes / 2 ** 30).toFixed(1)} GB`; }

  document.addEventListener("submit", async (event) => {
    const form = event.target;
    if (form.getAttribute("method") !== "post" || form.hasAttribute("hx-post") || event.defaultPrevented) return;
    if (tooLarge(form)) { event.preventDefault(); return; }
    if (form.dataset.checked === "yes") {
      delete form.dataset.checked;
      const buttons = form.querySelectorAll('button[type="submit"], button:not([type])');
      setTimeout(() => buttons.forEach((each) => { each.disabled = true; }), 0);
      // A file as the answer leaves the page where it is.
      if ("download" in form.dataset) setTimeout(() => buttons.forEach((each) => { each.disabled = false; }), 2000);
      return;
    }
    event.preventDefault();
    if (form.dataset.checking === "yes") return;
    form.dataset.checking = "yes";
    const button = event.submitter;
    try {
      const state = await sessionState();
      if (sameAccount(state)) {
        renew(state.csrf_token);
        form.dataset.checked = "yes";
        form.requestSubmit(button && button.form === form ? button : undefined);
      }
    } catch (error) {
      toast(LOST);
    } finally {
      delete form.dataset.checking;
      if (form.dataset.checked === "yes") setTimeout(() => { delete form.dataset.checked; }, 1000);
    }
  });

  window.addEventListener("pageshow", () => {
    for (const each of document.querySelectorAll('form button:disabled:not([data-stay-disabled])')) {
      if (each.form && each.form.getAttribute("method") === "post") each.disabled = false;
    }
  });

  // htmx
  body.addEventListener("htmx:configRequest", (event) => {
    if (event.detail.verb !== "get" && csrfMeta()) event.detail.headers["X-CSRFToken"] = csrfMeta().content;
  });
  // A dialog is sent by htmx, so that it stays open with what was typed when it is refused.
  body.addEventListener("htmx:confirm", async (event) => {
    if (!event.detail.elt.closest("dialog")) return;
    event.preventDefault();
    try {
      const state = await sessionState();
      if (sameAccount(state)) {
        renew(state.csrf_token);
        event.detail.issueRequest(true);
      }
    } catch (error) {
      toast(LOST);
    }
  });
  body.addEventListener("htmx:sendError", lost);
  body.addEventListener("htmx:timeout", lost);

  // The light asks by itself: without an answer it says nothing, until the next one.
  function lost(event) {
    const light = event.detail.elt.closest("#light");
    if (!light) { toast(LOST); return; }
    light.className = "nav-link light";
    light.title = LOST;
    light.lastElementChild.textContent = "连接中断";
  }
  body.addEventListener("htmx:responseError", async (event) => {
    const answer = event.detail.xhr;
    const plain = (answer.getResponseHeader("Content-Type") || "").startsWith("text/plain");
    const text = plain ? answer.responseText : "服务器没有办成，已填内容仍在，请稍后重试。";
    // A wrong password in a dialog is a 401, too, of somebody who is signed in.
    const out = answer.status === 401 && !(await sessionState().catch(() => ({}))).account;
    toast(text, out ? { href: body.dataset.signIn, text: "在新窗口登录" } : null);
  });

  // Dialogs and small buttons
  document.addEventListener("click", (event) => {
    const opener = event.target.closest("[data-dialog]");
    if (opener) document.getElementById(opener.dataset.dialog).showModal();
    const closer = event.target.closest("[data-dialog-close]");
    if (closer) closer.closest("dialog").close();
    const reveal = event.target.closest("[data-reveal]");
    if (reveal) showTyped(document.getElementById(reveal.dataset.reveal), reveal);
    if (event.target.closest("[data-back]")) history.back();
    if (event.target.closest("[data-print]")) window.print();
  });

  function showTyped(field, button) {
    const shown = field.type === "password";
    field.type = shown ? "text" : "password";
    button.textContent = shown ? "隐藏" : "显示";
    button.setAttribute("aria-pressed", String(shown));
  }

  // When the session has ended, what it showed goes from the screen: by leaving the page, or, where
  // something was typed that is not saved, by hiding the page until the same person is back.
  function isTyped() {
    return [...document.querySelectorAll('form[method="post"] :is(input, textarea)')].some((each) =>
      each.type !== "hidden" && (["checkbox", "radio"].includes(each.type)
        ? each.checked !== each.defaultChecked : each.value !== each.defaultValue));
  }

  async function watchSession() {
    const content = document.getElementById("content");
    let state;
    try { state = await sessionState(); } catch (error) { watchLater(); return; }
    if (state.account === body.dataset.account) {
      content.hidden = false;
      watchLater();
    } else if (!isTyped()) {
      location.reload();
    } else {
      content.hidden = true;
      sameAccount(state);
    }
  }

  function watchLater() { setTimeout(watchSession, (Number(body.dataset.idle) * 60 + 5) * 1000); }

  if (body.dataset.account) {
    watchLater();
    window.addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); });
    document.addEventListener("visibilitychange", () => {
      if (!document.hidden && document.getElementById("content").hidden) watchSession();
    });
    window.addEventListener("focus", () => {
      if (document.getElementById("content").hidden) watchSession();
    });
  }

  document.addEventListener("change", (event) => {
    if (event.target.matches("[data-submit-on-change]")) event.target.form.requestSubmit();
    if (event.target.matches('input[type="file"]')) tooLarge(event.target.form);
    const all = event.target.closest("[data-select-all]");
    if (all) {
      const boxes = all.closest("[data-listing]").querySelectorAll("[data-select]");
      boxes.forEach((each) => { each.checked = all.checked; });
    }
    const listing = event.target.closest("[data-listing]");
    const told = listing && listing.querySelector("[data-selected-count]");
    if (told) {
      const count = listing.querySelectorAll("[data-select]:checked").length;
      told.textContent = count ? `，已选 ${count} 条` : "";
    }
  });

  // Lists by keyboard: ↑↓ or j k move, Enter opens, x selects, / searches.
  function rows() { return [...document.querySelectorAll("[data-listing] tr[data-row]")]; }

  function move(step) {
    const all = rows();
    if (!all.length) return;
    const now = all.findIndex((each) => each.classList.contains("current"));
    const next = now < 0 ? (step > 0 ? 0 : all.length - 1) : Math.min(all.length - 1, Math.max(0, now + step));
    if (now >= 0) all[now].classList.remove("current");
    all[next].classList.add("current");
    const link = all[next].querySelector("[data-row-link]");
    if (link) link.focus();
    all[next].scrollIntoView({ block: "nearest" });
  }

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    if (document.querySelector("dialog[open]")) return;
    if (event.target.closest("input, select, textarea, [contenteditable], .dropdown-menu, [data-bs-toggle]")) {
      if (event.key === "Escape" && event.target.matches("[data-listing-search]")) event.target.blur();
      return;
    }
    const search = document.querySelector("[data-listing-search]");
    const current = document.querySelector("[data-listing] tr.current");
    if (event.key === "/" && search) { search.focus(); search.select(); }
    else if ((event.key === "j" || event.key === "ArrowDown") && rows().length) move(1);
    else if ((event.key === "k" || event.key === "ArrowUp") && rows().length) move(-1);
    else if (event.key === "x" && current && current.querySelector("[data-select]")) current.querySelector("[data-select]").click();
    else if (event.key === "Enter" && current && !event.target.closest("a, button")) {
      const link = current.querySelector("[data-row-link]");
      if (link) link.click();
    } else return;
    event.preventDefault();
  });

  const problems = document.querySelector("[data-form-problems]");
  if (problems) {
    // Above the form, a problem says which field it is about.
    for (const link of problems.querySelectorAll('a[href^="#field-"]')) {
      const label = document.querySelector(`label[for="${CSS.escape(link.hash.slice(1))}"]`);
      if (label) link.prepend(`${label.textContent.trim()}：`);
    }
    const first = document.querySelector('[aria-invalid="true"]');
    (first || problems).focus();
  }
})();
