// Improves pages that work without it: suggestions while typing, focus on an error summary,
// one press of a button is one press, typed text kept, waiting for the telephone without reloading.
"use strict";

document.querySelector("[data-focus]")?.focus();

// A double click sends once. The page comes back fresh from the browser's memory.
addEventListener("submit", (event) => {
  if (event.target.dataset.sent) { event.preventDefault(); return; }
  if (event.target.method === "post") {
    event.target.dataset.sent = "1";
    event.submitter?.setAttribute("aria-busy", "true");
  }
});
addEventListener("pageshow", () => {
  document.querySelectorAll("form[data-sent]").forEach((form) => delete form.dataset.sent);
  document.querySelectorAll("[aria-busy]").forEach((button) => button.removeAttribute("aria-busy"));
});

for (const form of document.querySelectorAll("form[data-suggestions]")) {
  const input = form.elements.q;
  const list = document.createElement("ul");
  const said = document.createElement("p");
  list.className = "suggestions";
  said.className = "hidden";
  said.setAttribute("role", "status");
  form.append(list, said);
  let timer, running;
  const clear = () => { list.replaceChildren(); said.textContent = ""; };
  const ask = async () => {
    const q = input.value.trim();
    running?.abort();
    if (q.length < 2) { clear(); return; }
    running = new AbortController();
    try {
      const answer = await fetch(`${form.dataset.suggestions}?${new URLSearchParams({ q })}`,
        { signal: running.signal, headers: { Accept: "application/json" } });
      if (!answer.ok) return;
      const found = await answer.json();
      list.replaceChildren(...found.hits.map((hit) => {
        const link = document.createElement("a");
        const note = document.createElement("small");
        const item = document.createElement("li");
        link.href = hit.address;
        note.textContent = hit.note;
        link.append(hit.name, note);
        item.append(link);
        return item;
      }));
      said.textContent = found.said;
    } catch { /* typed on, or the line is down: the button still searches */ }
  };
  input.addEventListener("input", () => { clearTimeout(timer); timer = setTimeout(ask, 150); });
  form.addEventListener("keydown", (event) => {
    const links = [...list.querySelectorAll("a")];
    if (event.key === "Escape") { clear(); input.focus(); return; }
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!step || !links.length) return;
    event.preventDefault();
    const next = links.indexOf(document.activeElement) + step;
    (links[next] ?? input).focus();
  });
  form.addEventListener("focusout", (event) => { if (!form.contains(event.relatedTarget)) clear(); });
}

// What is typed is kept two seconds after the last key. The button keeps it too, and checks it.
for (const form of document.querySelectorAll("form[data-keep]")) {
  const said = document.querySelector("[data-kept]");
  let timer, running, ended;
  const stop = () => { clearTimeout(timer); running?.abort(); };
  const keep = async () => {
    if (ended) return;
    running?.abort();
    running = new AbortController();
    try {
      const answer = await fetch(form.dataset.keep, { method: "POST", redirect: "manual",
        body: new URLSearchParams(new FormData(form)), signal: running.signal,
        headers: { Accept: "application/json" } });
      ended = answer.type === "opaqueredirect"; // signed out, or sent from another tab
      if (answer.ok) said.textContent = (await answer.json()).said;
    } catch { /* typed on, or the line is down: the button still keeps it */ }
  };
  form.addEventListener("input", () => { clearTimeout(timer); timer = setTimeout(keep, 2000); });
  form.addEventListener("submit", stop);
}

// Waiting: the page names where to ask; the noscript refresh does the same, slower.
const waiting = document.querySelector("[data-waiting]");
if (waiting) {
  const ask = async () => {
    try {
      const answer = await fetch(waiting.dataset.waiting, { headers: { Accept: "application/json" } });
      const { address } = await answer.json();
      if (address) { location.replace(address); return; }
    } catch { /* the line is down for a moment */ }
    setTimeout(ask, 1500);
  };
  setTimeout(ask, 1500);
}
