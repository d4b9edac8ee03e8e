/* In the browser: what may be decided now, and whether the server still answers. */
(function () {
  "use strict";
  const ACTIONS = ["accept", "hold", "reject", "undo", "restore"];
  const SILENT_S = 40; // two refreshes missed
  let gate = null;
  let heard = Date.now();

  function hear(newest) {
    gate = newest;
    heard = Date.now();
    return watch();
  }

  function watch() {
    const silence = (Date.now() - heard) / 1000;
    const lost = silence > SILENT_S;
    const closed = ACTIONS.map((action) => lost || !gate || gate[action].length > 0);
    const reasons = lost ? ["Disconnected: no answer from the server."] : gate ? gate.accept : [];
    const text = reasons.length ? "Accept is closed. " + reasons.join(" ") : "";
    const banner = lost
      ? "▲ Disconnected for " + Math.round(silence) + " s: everything below may be out of date."
      : "";
    return closed.concat([text, banner, !lost]);
  }

  window.dash_clientside = Object.assign({}, window.dash_clientside, { live: { hear: hear, watch: watch } });
})();
