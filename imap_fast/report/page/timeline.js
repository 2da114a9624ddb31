// The saliency of each displayed concept over time, and the frames in which the concept is active.

class Timeline {
  constructor(report, player, view) {
    Object.assign(this, { report, player, view, last: Math.max(report.video.frames - 1, 1) });
    this.chart = drawn("svg", { viewBox: "0 0 1000 100", preserveAspectRatio: "none", role: "img" });
    this.chart.setAttribute("aria-label", "Saliency of each shown concept over time, low to high");
    this.tracks = element("ul", { className: "tracks" });
    this.playhead = element("div", { className: "playhead" });
    const mark = element("span", { className: "mark", textContent: "active" });
    this.field = element("div", { className: "chart" }, this.chart, mark);
    this.place = document.getElementById("timeline");
    this.place.append(this.playhead, this.field, this.tracks);
    this.#connect();
    this.#draw();
  }

  #connect() {
    const scrub = (event) => {
      if (event.type === "pointermove" && !this.place.hasPointerCapture(event.pointerId)) return;
      const { left, width } = this.field.getBoundingClientRect();
      this.player.video.pause();
      this.player.seek(Math.round(((event.clientX - left) / width) * this.last));
    };
    this.place.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      this.place.setPointerCapture(event.pointerId);
      scrub(event);
    });
    this.place.addEventListener("pointermove", scrub);
    this.view.addEventListener("change", () => this.#draw());
    this.player.addEventListener("frame", () => this.#point());
  }

  // Each concept has its own scale, like its heatmap.
  #draw() {
    const level = 100 * (1 - this.report.active);
    const { shown } = this.view;
    this.field.style.setProperty("--level", `${level}%`);
    this.chart.replaceChildren(
      drawn("line", { class: "level", x1: 0, x2: 1000, y1: level, y2: level }),
      ...shown.map((concept) => {
        const points = this.#points(concept.map.saliency[concept.place]);
        return colouredAs(drawn("polyline", { points }), concept);
      }),
    );
    this.tracks.replaceChildren(...shown.map((concept) => this.#track(concept)));
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

  #track(concept) {
    const active = concept.map.active[concept.place];
    const bars = drawn("svg", { viewBox: "0 0 1000 1", preserveAspectRatio: "none", "aria-hidden": "true" });
    for (const [first, last] of active) {
      const from = Math.max(first - 0.5, 0), to = Math.min(last + 0.5, this.last);
      const [x, width] = [from, to - from].map((time) => (1000 * time) / this.last);
      bars.append(drawn("rect", { x, y: 0, width, height: 1 }));
    }
    const when = active.map(([first, last]) => (first === last ? `${first}` : `${first}–${last}`)).join(", ");
    const name = element("span", { className: "name", dir: "auto", textContent: concept.label });
    const source = this.view.maps.length > 1 ? `${concept.map.name}: ` : "";
    const agreement = concept.map.agreement?.[concept.place].toFixed(2);
    const sure = agreement === undefined ? "" : ` · agreement ${agreement}`;
    const activity = source + (when ? `active ${when}` : "never active") + sure;
    const frames = element("span", { className: "frames", title: activity, textContent: activity });
    return colouredAs(element("li", {}, element("p", {}, name, frames), bars), concept);
  }

  #point() {
    this.place.style.setProperty("--at", this.player.frame / this.last);
  }
}
