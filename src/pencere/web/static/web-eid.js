// Signing in with a card: speaks to the Web eID extension by messages of the window, where the
// extension is there. Without it the page says what to install; its form goes on without a script.
"use strict";

const place = document.querySelector("[data-web-eid]");
if (place) {
  const said = place.querySelector("[role=status]");
  const present = place.querySelector("[data-present]");
  const button = present.querySelector("button");
  const csrf = document.querySelector("[name=csrfmiddlewaretoken]").value;

  // Sends one action; the extension acknowledges within a second, or it is not there.
  const call = (action, facts, patience) => new Promise((done, failed) => {
    let timer;
    const end = (settle, value) => {
      clearTimeout(timer);
      removeEventListener("message", hear);
      settle(value);
    };
    const hear = (event) => {
      if (event.source !== window || event.origin !== location.origin) return;
      const { action: answer, error, ...rest } = event.data ?? {};
      if (answer === `${action}-ack`) {
        clearTimeout(timer);
        timer = setTimeout(() => end(failed, "timeout"), patience);
      } else if (answer === `${action}-success`) {
        end(done, rest);
      } else if (answer === `${action}-failure`) {
        end(failed, error?.code ?? "failure");
      }
    };
    addEventListener("message", hear);
    timer = setTimeout(() => end(failed, "missing"), 1000);
    postMessage({ action, ...facts }, location.origin);
  });

  const send = async (address, body, type) => {
    const answer = await fetch(address, {
      method: "POST",
      body,
      headers: {
        "Accept": "application/json",
        "Accept-Language": document.documentElement.lang,
        "Content-Type": type,
        "X-CSRFToken": csrf,
      },
    });
    const found = await answer.json();
    if (!answer.ok) throw new Error(found.message);
    return found;
  };

  const signIn = async () => {
    button.disabled = true;
    said.textContent = place.dataset.waits;
    try {
      const form = new URLSearchParams({ next: place.dataset.next });
      const { nonce } = await send(place.dataset.webEid, form, "application/x-www-form-urlencoded");
      const lang = document.documentElement.lang;
      const token = await call("web-eid:authenticate", { challengeNonce: nonce, lang }, 180000);
      const { address } = await send(place.dataset.token, JSON.stringify({ token }), "application/json");
      location.assign(address);
    } catch (reason) {
      said.textContent = reason instanceof Error ? reason.message : place.dataset.cancelled;
      button.disabled = false;
    }
  };

  button.addEventListener("click", signIn);
  call("web-eid:status", {}, 5000).then(
    () => { present.hidden = false; },
    () => { said.textContent = place.dataset.missing; },
  );
}
