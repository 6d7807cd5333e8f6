// A security key: what the server asks of the browser, and the answer as text (WebAuthn level 3).
(function () {
  "use strict";

  function said(form, text) { form.querySelector("[data-security-key-said]").textContent = text; }

  async function options(form) {
    if (form.dataset.options) return JSON.parse(form.dataset.options);
    const answer = await fetch(form.dataset.optionsUrl, {
      method: "POST",
      headers: { "X-CSRFToken": form.elements.csrf_token.value, Accept: "application/json" },
    });
    if (!answer.ok) throw new Error(String(answer.status));
    return answer.json();
  }

  async function ask(form) {
    const asked = await options(form);
    const credential = form.dataset.securityKey === "add"
      ? await navigator.credentials.create({ publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(asked) })
      : await navigator.credentials.get({ publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(asked) });
    return JSON.stringify(credential.toJSON());
  }

  // Before the page's own check of the session: a form without its answer is not sent yet.
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (!form.dataset.securityKey || form.elements.answer.value) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    if (!window.PublicKeyCredential || !PublicKeyCredential.parseCreationOptionsFromJSON) {
      said(form, "这个浏览器不支持安全密钥，或本页不是用 https 打开的；请换浏览器，或改用动态码。");
      return;
    }
    said(form, "请按浏览器的提示操作安全密钥……");
    ask(form).then((answer) => {
      form.elements.answer.value = answer;
      form.requestSubmit();
    }).catch((error) => said(form, error.name === "SecurityError"
      ? "用 IP 地址打开的页面不能用安全密钥；请用 https 的域名（本机用 localhost）打开本页，或改用动态码。"
      : "没有完成：密钥未登记、已登记过，或操作被取消。请再试一次。"));
  }, true);
})();
