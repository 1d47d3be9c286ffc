"use strict";
// Puts what has changed into the page every two seconds, and nothing else: focus, open details, selections stay.
(() => {
  const PERIOD = 2000;
  const PATIENCE = 10000;
  const PARTS = ["as-of", "main"];

  const byId = (id) => document.getElementById(id);
  const key = (node) => (node.nodeType === Node.ELEMENT_NODE ? node.id || node.dataset.key || "" : "");
  const alike = (old, fresh) => old.nodeName === fresh.nodeName && key(old) === key(fresh);

  function change(old, fresh) {
    if (old.nodeType !== Node.ELEMENT_NODE) {
      if (old.nodeValue !== fresh.nodeValue) old.nodeValue = fresh.nodeValue;
      return;
    }
    for (const { name } of [...old.attributes]) {
      if (!fresh.hasAttribute(name) && name !== "open") old.removeAttribute(name);
    }
    for (const { name, value } of fresh.attributes) {
      if (old.getAttribute(name) !== value) old.setAttribute(name, value);
    }
    changeChildren(old, fresh);
  }

  function changeChildren(old, fresh) {
    const wanted = [...fresh.childNodes];
    const keys = new Set(wanted.map(key).filter(Boolean));
    const kept = new Map();
    for (const child of [...old.childNodes]) {
      const name = key(child);
      if (name && keys.has(name)) kept.set(name, child);
      else if (name) child.remove();
    }
    let at = old.firstChild;
    for (const child of wanted) {
      const name = key(child);
      let match = name ? kept.get(name) : at;
      if (match && !alike(match, child)) match = undefined;
      // What has no key makes way, so that what has one need not move: to move it would take its focus away.
      while (name && match && at && at !== match && !key(at)) {
        const gone = at;
        at = at.nextSibling;
        gone.remove();
      }
      if (!match) {
        old.insertBefore(document.adoptNode(child), at);
        continue;
      }
      if (match === at) at = at.nextSibling;
      else old.insertBefore(match, at);
      change(match, child);
    }
    while (at) {
      const gone = at;
      at = at.nextSibling;
      gone.remove();
    }
  }

  let timer = 0;
  let asking = false;
  let paused = false;
  let lastSeen = new Date();

  async function ask() {
    if (asking || paused || document.hidden) return;
    asking = true;
    clearTimeout(timer);
    try {
      const answer = await fetch(location.origin + location.pathname, {
        cache: "no-store",
        headers: { Accept: "text/html" },
        signal: AbortSignal.timeout(PATIENCE),
      });
      if (!answer.ok) return tellLost(`answered ${answer.status}`);
      const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
      if (!PARTS.every((id) => fresh.getElementById(id))) return tellLost("answered with another page");
      // Another version of the service: its page may need another style.
      if (fresh.body.dataset.version !== document.body.dataset.version) return location.reload();
      lastSeen = new Date();
      for (const id of PARTS) change(byId(id), fresh.getElementById(id));
      document.title = fresh.title;
    } catch {
      tellLost("not answered");
    } finally {
      asking = false;
      timer = setTimeout(ask, PERIOD);
    }
  }

  function tellLost(how) {
    const clock = lastSeen.toISOString().slice(11, 19);
    const sentence = `The service has ${how} since ${clock} UTC.`;
    byId("state").className = "state bad";
    if (byId("sentence").textContent !== sentence) byId("sentence").textContent = sentence;
    byId("counts").textContent = "What is shown is from then.";
    const mend = byId("mend");
    if (mend) mend.textContent = "";
    document.title = "No answer · rp-finalizer";
  }

  const button = byId("pause");
  button.hidden = false;
  button.addEventListener("click", () => {
    paused = !paused;
    button.setAttribute("aria-pressed", String(paused));
    button.textContent = paused ? "Go on" : "Pause";
    ask();
  });
  document.addEventListener("visibilitychange", ask);
  timer = setTimeout(ask, PERIOD);
})();
