// The saliency of each displayed concept over time.

class Timeline {
  constructor(report, player, view) {
    Object.assign(this, { report, player, view, last: Math.max(report.video.frames - 1, 1) });
    this.chart = drawn("svg", { viewBox: "0 0 1000 100", preserveAspectRatio: "none", role: "img" });
    this.chart.setAttribute("aria-label", "Saliency of each shown concept over time, low to high");
    const marks = ["high", "low"].map((mark) => element("span", { className: `mark ${mark}`, textContent: mark }));
    this.field = element("div", { className: "chart" }, this.chart, ...marks, element("div", { className: "playhead" }));
    this.names = element("ul", { className: "names" });
    this.place = document.getElementById("timeline");
    this.place.append(this.field, this.names);
    this.#connect();
    this.#draw();
  }

  #connect() {
    const scrub = (event) => {
      if (event.type === "pointermove" && !this.field.hasPointerCapture(event.pointerId)) return;
      const { left, width } = this.field.getBoundingClientRect();
      this.player.video.pause();
      this.player.seek(Math.round(((event.clientX - left) / width) * this.last));
    };
    this.field.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      this.field.setPointerCapture(event.pointerId);
      scrub(event);
    });
    this.field.addEventListener("pointermove", scrub);
    this.view.addEventListener("change", () => this.#draw());
    this.player.addEventListener("frame", () => this.#point());
  }

  // Each concept has its own scale, like its heatmap.
  #draw() {
    const { shown } = this.view;
    this.chart.replaceChildren(
      ...shown.map((concept) => {
        const points = this.#points(concept.map.saliency[concept.place]);
        return colouredAs(drawn("polyline", { points }), concept);
      }),
    );
    this.names.replaceChildren(...shown.map((concept) => this.#named(concept)));
    this.#point();
  }

  #points(curve) {
    const { times } = this.report;
    const points = times.map((time, i) => [time, curve[i]]);
    points.unshift([0, curve[0]]);
    points.push([this.last, curve.at(-1)]);
    const at = ([time, value]) => `${((1000 * time) / this.last).toFixed(2)},${(100 * (1 - value)).toFixed(2)}`;
    return points.map(at).join(" ");
  }

  // The label of a curve, and how sure the map of the concept is.
  #named(concept) {
    const name = element("span", { className: "name", dir: "auto", textContent: concept.label });
    const agreement = concept.map.agreement?.[concept.place].toFixed(2);
    const facts = [
      ...(this.view.maps.length > 1 ? [concept.map.name] : []),
      ...(agreement === undefined ? [] : [`agreement ${agreement}`]),
    ];
    const sure = element("span", { className: "sure", textContent: facts.join(" · ") });
    return colouredAs(element("li", { title: concept.label }, name, sure), concept);
  }

  #point() {
    this.place.style.setProperty("--at", this.player.frame / this.last);
  }
}
