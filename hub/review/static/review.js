// The desk by keyboard. Each thing that a key does is a link or button of the page with `data-key`.
(() => {
  "use strict";

  const typing = (target) =>
    target instanceof HTMLElement &&
    (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName)) &&
    target.type !== "checkbox";

  const help = document.getElementById("keys");
  const form = document.getElementById("decision");

  const hasReason = () =>
    form.querySelector("input[type=checkbox]:checked") !== null || form.elements.own.value.trim() !== "";

  const refuseWithoutReason = (event) => {
    if (event.submitter && event.submitter.value === "returned" && !hasReason()) {
      event.preventDefault();
      document.getElementById("other-reasons").open = true;
      form.querySelector("button[name=preset]").focus();
    }
  };

  if (form) {
    form.addEventListener("submit", refuseWithoutReason);
  }

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || typing(event.target)) {
      return;
    }
    if (event.key === "?" && help) {
      help.open ? help.close() : help.showModal();
      event.preventDefault();
      return;
    }
    if (event.key === "/") {
      const search = document.querySelector("input[type=search], input[name=q]");
      const back = document.querySelector("[data-key=u]");
      if (search) {
        search.focus();
        event.preventDefault();
      } else if (back) {
        window.location.assign(`${back.href}#search`);
        event.preventDefault();
      }
      return;
    }
    const target = document.querySelector(`[data-key="${CSS.escape(event.key)}"]`);
    if (target && !target.disabled && !(help && help.open)) {
      event.preventDefault();
      target.click();
    }
  });
})();
