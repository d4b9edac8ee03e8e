/* In the browser: enable and disable the decision buttons, and detect a lost connection to the server. */
(function () {
  "use strict";
  const ACTIONS = ["accept", "hold", "reject", "undo", "restore"];
  const TIMEOUT_S = 40; // two refreshes missed
  let open = null; // the reasons against each decision; an empty list: open
  let shown = []; // digest of the recommendation in each section
  let answeredAt = performance.now(); // monotonic clock, ms

  /* Called with each answer of the server. */
  function receive(newest) {
    open = newest;
    answeredAt = performance.now();
    return update();
  }

  /* Called when a section was drawn. Decisions stay disabled until all sections show the newest recommendation. */
  function setShown(...digests) {
    shown = digests;
    return update();
  }

  function update() {
    const waited = (performance.now() - answeredAt) / 1000;
    const lost = waited > TIMEOUT_S;
    const partial = open && !(shown.length && shown.every((digest) => digest === open.shown));
    const closed = ACTIONS.map((action) => lost || !open || partial || open[action].length > 0);
    let reasons = open ? open.accept : [];
    if (partial) reasons = ["The newest recommendation is still being loaded."];
    if (lost) reasons = ["Disconnected: no answer from the server."];
    const text = reasons.length ? "Accept is not available. " + reasons.join(" ") : "";
    const banner = lost
      ? "▲ Disconnected for " + Math.round(waited) + " s: everything below may be out of date."
      : "";
    return closed.concat([text, banner, !lost]);
  }

  window.dash_clientside = Object.assign({}, window.dash_clientside, { live: { receive, setShown, update } });
})();
