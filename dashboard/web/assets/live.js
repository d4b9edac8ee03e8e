/* In the browser: what may be decided now, and whether the server still answers. */
(function () {
  "use strict";
  const ACTIONS = ["accept", "hold", "reject", "undo", "restore"];
  const SILENT_S = 40; // two refreshes missed
  let gate = null;
  let drawn = [];
  let heard = performance.now(); // a clock that nobody sets

  function hear(newest) {
    gate = newest;
    heard = performance.now();
    return watch();
  }

  /* The prints of the recommendation that each section shows: nobody decides on what is not all there. */
  function drew(...prints) {
    drawn = prints;
    return watch();
  }

  function watch() {
    const silence = (performance.now() - heard) / 1000;
    const lost = silence > SILENT_S;
    const partial = gate && !(drawn.length && drawn.every((print) => print === gate.shown));
    const closed = ACTIONS.map((action) => lost || !gate || partial || gate[action].length > 0);
    let reasons = gate ? gate.accept : [];
    if (partial) reasons = ["The newest recommendation is not all on the page yet."];
    if (lost) reasons = ["Disconnected: no answer from the server."];
    const text = reasons.length ? "Accept is closed. " + reasons.join(" ") : "";
    const banner = lost
      ? "▲ Disconnected for " + Math.round(silence) + " s: everything below may be out of date."
      : "";
    return closed.concat([text, banner, !lost]);
  }

  window.dash_clientside = Object.assign({}, window.dash_clientside, { live: { hear: hear, drew: drew, watch: watch } });
})();
