// Without this file an idle page refreshes itself; with it, the page changes when there is
// something else to show, and never while someone types.
(function () {
  "use strict";
  var main = document.getElementById("main");
  function state(root) {
    var holder = root.querySelector("[data-state]");
    return holder ? holder.dataset.state : "";
  }
  function isQuiet() {
    var typed = Array.from(main.querySelectorAll("input:not([type=hidden])")).some(function (field) {
      return field.value !== "";
    });
    return !typed && !document.hidden;
  }
  function look() {
    if (!isQuiet()) { return; }
    fetch(location.pathname, { cache: "no-store" })
      .then(function (answer) { return answer.ok ? answer.text() : null; })
      .then(function (text) {
        if (text === null || !isQuiet()) { return; }
        var fresh = new DOMParser().parseFromString(text, "text/html").getElementById("main");
        if (!fresh || state(fresh) === state(main)) { return; }
        main.innerHTML = fresh.innerHTML;
        var pin = document.getElementById("pin");
        if (pin) { pin.focus(); }
      })
      .catch(function () { return null; });
  }
  // A form's answer has the form's address; what is shown then comes from the phone's.
  if (/\/(confirm|cancel|unblock|puk|renew)$/.test(location.pathname)) {
    history.replaceState(null, "", location.pathname.replace(/\/[a-z]+$/, ""));
  }
  if (main) { setInterval(look, 1200); }
  var error = document.getElementById("error");
  if (error) { error.focus(); }
}());
