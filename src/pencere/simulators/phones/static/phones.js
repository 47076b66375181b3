// Without this file the page refreshes itself; with it, only what has changed is put in place,
// and never while someone types.
(function () {
  "use strict";
  var main = document.getElementById("main");
  var last = null;
  function idle() {
    var field = document.activeElement;
    return !(field && field.tagName === "INPUT") &&
      !main.querySelector('input[type="password"]') && !document.hidden;
  }
  function look() {
    if (!idle()) { return; }
    fetch(location.href.split("#")[0], { headers: { "X-Refresh": "1" }, cache: "no-store" })
      .then(function (answer) { return answer.ok ? answer.text() : null; })
      .then(function (text) {
        if (text === null || !idle()) { return; }
        var fresh = new DOMParser().parseFromString(text, "text/html").getElementById("main");
        if (!fresh || fresh.innerHTML === last) { return; }
        if (last !== null && fresh.innerHTML !== main.innerHTML) {
          main.innerHTML = fresh.innerHTML;
          var pin = document.getElementById("pin");
          if (pin) { pin.focus(); }
        }
        last = fresh.innerHTML;
      })
      .catch(function () { return null; });
  }
  if (main && main.dataset.refresh !== "0") { last = ""; setInterval(look, 1200); }
  var error = document.getElementById("error");
  if (error) { error.focus(); }
}());
